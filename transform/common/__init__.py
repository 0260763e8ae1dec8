"""What every room uses: settings, errors, files, progress and weight files."""
