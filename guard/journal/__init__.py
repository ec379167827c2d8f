"""What clients asked and models answered, written down before anyone is answered."""
