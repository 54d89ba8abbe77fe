"""What commands read: the options they share and the values in them."""
