"""What was done, in order: rows on the disk, the history they tell, snapshots of it."""
