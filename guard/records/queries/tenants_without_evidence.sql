-- Tenants in force whose people could read nothing of a case: no text is kept and no way leads to the conversation.
select name from tenants
where people <> 'none' and not store_text and coalesce(deep_link, '') = '' and not synthetic and disabled_at is null
order by name
