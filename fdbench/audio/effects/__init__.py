"""What may happen to sound on its way from one side of a call to the other: streaming functions with a declared delay."""
