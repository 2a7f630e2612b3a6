select ensure_partitions(now())
