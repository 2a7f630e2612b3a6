-- Once a turn and kind. A note that comes later is kept where there was none; the first one stands.
insert into feedback as f (tenant_id, id, turn_id, session_id, kind, at, key_id, note, synthetic)
values (
    %(tenant_id)s, %(id)s, %(turn_id)s, %(session_id)s, %(kind)s, %(at)s, %(key_id)s, %(note)s, %(synthetic)s
)
on conflict (tenant_id, turn_id, kind) do update set
    key_id = case when f.note is null then excluded.key_id else f.key_id end,
    note = coalesce(f.note, excluded.note)
returning f.id, f.turn_id, f.at, f.note is not null as noted
