"""The contenders beside ours, each as people would write it."""
