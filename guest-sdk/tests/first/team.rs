use insights_sdk::prelude::*;

struct Team(String);
impl Transform for Team {
    const ABOUT: About = About::new("team", "1.0.0");
    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Team(settings.string("label").unwrap_or("team".into())))
    }
    fn process(&self, batch: &Batch) -> Result<(), String> {
        for pod in batch.pods() {
            pod.set_attribute("Team", pod.label(&self.0).unwrap_or("nobody"));
        }
        Ok(())
    }
}
insights_sdk::export_transform!(Team);
