import json

from pipeline import configs
from pipeline.pipeline import create_pipeline
from serving.export.train_and_export import TrainerSettings


def test_the_trainer_is_told_how_the_model_is_served(tmp_path):
    config = configs.find("demo").replace(served={"precision": "int8", "frames": True})
    pipeline = create_pipeline(config, pipeline_root=str(tmp_path))
    [trainer] = [node for node in pipeline.components if node.id == "Trainer"]
    told = json.loads(trainer.exec_properties["custom_config"])["settings"]
    settings = TrainerSettings.from_json(told)
    assert settings.served == config.served
    assert settings.search == config.search
    assert settings.training == config.training


def test_a_reviewed_schema_travels_by_its_content(tmp_path):
    path = tmp_path / "schema.pbtxt"
    path.write_text("# reviewed")
    config = configs.find("demo").replace(data_schema=str(path))
    pipeline = create_pipeline(config, pipeline_root=str(tmp_path))
    [schema] = [node for node in pipeline.components if node.id == "CuratedSchema"]
    assert schema.exec_properties == {"reviewed": "# reviewed", "name": str(path)}
