import tensorflow as tf

from transform.records import tfrecords


def tuned(dataset):
    return dataset.options().autotune.enabled


def test_records_come_file_by_file(tmp_path):
    files = []
    for number in range(2):
        files.append(str(tmp_path / f"{number}.tfrecord"))
        with tf.io.TFRecordWriter(files[-1]) as writer:
            for place in "ab":
                writer.write(f"{number}{place}".encode())
    found = list(tfrecords.records_of(files).as_numpy_iterator())
    assert found == [b"0a", b"0b", b"1a", b"1b"]


def test_what_is_made_of_records_is_not_tuned(tmp_path):
    records = tfrecords.records_of(str(tmp_path / "a.tfrecord"))
    assert tuned(records) is False
    made = records.batch(2).map(tf.strings.length, tfrecords.PARALLEL_CALLS).prefetch(2)
    assert tuned(made) is False


def test_a_dataset_is_untuned_whatever_it_was_before():
    options = tf.data.Options()
    options.autotune.enabled = True
    dataset = tf.data.Dataset.range(3).with_options(options)
    assert tuned(tfrecords.untuned(dataset)) is False
