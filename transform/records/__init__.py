"""TFRecords and what lies beside them: vocabulary, manifest, feature store."""
