//! The worked example of MIGRATION.md: its code is taken from the page, built, and compared with the class in shmpipeline.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::{sandpipe, support};

/// The code of the page in this language that contains `mark`.
fn block(language: &str, mark: &str) -> &'static str {
    let page = include_str!("../../../MIGRATION.md");
    let fence = format!("```{language}\n");
    let mut blocks = page.split(fence.as_str()).skip(1);
    let code = blocks.find_map(|rest| {
        let code = rest.split("```").next()?;
        code.contains(mark).then_some(code)
    });
    code.unwrap_or_else(|| panic!("no block of {language} with {mark}"))
}

/// Makes a frame and what the class makes of it.
const CLASS: &str = r#"
import sys
import numpy as np
from shmpipeline.config import PipelineConfig
from shmpipeline.registry import get_default_registry
from contrast import Contrast

config = PipelineConfig.from_dict({
    "shared_memory": [{"name": name, "shape": [64, 64], "dtype": "float32"} for name in ("image", "stretched")],
    "kernels": [{"name": "stretch", "kind": "lab.contrast", "input": "image", "output": "stretched",
                 "parameters": {"top": 255}}],
})
kernel = get_default_registry().extended(Contrast).create(config.kernels[0], config.shared_memory_by_name)
image = np.random.default_rng(1).normal(size=(64, 64)).astype("float32")
output = np.zeros_like(image)
kernel.compute_into(image, output, {})
np.save("image.npy", image)
np.save("expected.npy", output)
"#;

const COMPARE: &str = r#"
import sys
import numpy as np
found, expected = np.load(sys.argv[1]), np.load("expected.npy")
assert found.dtype == expected.dtype and expected.max() > 250, expected.max()
np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
"#;

#[test]
fn the_kernels_of_the_guide_give_what_the_class_gives() {
    let folder = TempDir::new().unwrap();
    let home = folder.path();
    let environment =
        support::virtual_environment("parent-venv", include_str!("../parent/requirements.txt"));
    let python = |code: &str, arguments: &[&str]| {
        let mut command = Command::new(environment.join("bin/python"));
        command.args(["-c", code]).args(arguments).current_dir(home);
        support::run(&mut command);
    };
    fs::write(home.join("contrast.py"), block("python", "class Contrast")).unwrap();
    python(CLASS, &[]);

    let write = |name: &str, text: &str| fs::write(home.join(name), text).unwrap();
    for (language, file, mark) in [
        ("python", "kernel.py", "def compute_into(frame_id"),
        ("c", "kernel.c", "sandpipe_result compute_into"),
    ] {
        let _ = fs::remove_dir_all(home.join("contrast"));
        sandpipe(home, &["kernel", "new", "--lang", language, "contrast"]);
        write("contrast/manifest.json", block("json", "lab.contrast"));
        write(&format!("contrast/{file}"), block(language, mark));
        sandpipe(home, &["kernel", "build", "contrast"]);
        let output = format!("{language}.npy");
        let run = [
            "kernel",
            "run",
            "contrast/contrast.wasm",
            "--param",
            "top=255",
            "--input",
            "image.npy",
            "--output",
            &output,
        ];
        sandpipe(home, &run);
        python(COMPARE, &[&output]);
    }
    sandpipe(home, &["kernel", "check", "contrast/contrast.wasm"]);
    write("pipeline.yaml", block("yaml", "kernel_path: [contrast]"));
    sandpipe(home, &["validate", "pipeline.yaml"]);
}
