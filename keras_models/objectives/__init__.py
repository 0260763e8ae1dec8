"""What a captioner is trained on."""
