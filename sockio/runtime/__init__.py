"""What sockio needs from gevent, behind small names."""
