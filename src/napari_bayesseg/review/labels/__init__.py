"""Labels of voxels: sets, changes, what stands, what it was before."""
