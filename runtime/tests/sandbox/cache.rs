//! The cache of compiled code.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use sandpipe::sandbox::{CacheDirectory, Engine, EngineOptions, Interruption, Isolation, Limits};

use crate::harness::{Stage, engine, in_a_process_of_its_own, kernel, options};

fn cached(directory: &Path) -> Engine {
    // The first engine of a process tests itself with code that it would keep there too.
    engine();
    Engine::new(EngineOptions {
        cache: CacheDirectory::At(directory.to_owned()),
        ..options()
    })
    .unwrap()
}

/// Loads the kernel through the cache at `directory`, runs it, and returns the files in the cache.
fn run(directory: &Path) -> Vec<PathBuf> {
    let stage = Stage::on(&cached(directory), &kernel(&[]));
    let mut instance = stage.open().unwrap();
    stage.input.put(0, 41);
    instance.compute_into(0, &[0, 0]).unwrap();
    assert_eq!(stage.output.get(0), 42);
    let entries = fs::read_dir(directory).map(|entries| entries.map(|entry| entry.unwrap().path()));
    entries.map(Iterator::collect).unwrap_or_default()
}

/// A place for a cache that does not exist yet.
fn place() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("sandpipe");
    (parent, directory)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_second_load_uses_the_file_of_the_first() {
    let (_parent, directory) = place();
    let files = run(&directory);
    assert_eq!(files.len(), 1);
    assert_eq!((mode(&directory), mode(&files[0])), (0o700, 0o600));
    let written = fs::metadata(&files[0]).unwrap().modified().unwrap();
    assert_eq!(run(&directory), files);
    assert_eq!(
        fs::metadata(&files[0]).unwrap().modified().unwrap(),
        written
    );
}

#[test]
fn what_killed_processes_left_half_written_is_removed_and_nothing_else_is() {
    let (_parent, directory) = place();
    let files = run(&directory);
    fs::remove_file(&files[0]).unwrap();
    let key = files[0].file_stem().unwrap().to_str().unwrap();
    let gone = std::process::Command::new("true").spawn().map(|mut child| {
        child.wait().unwrap();
        child.id()
    });
    let half = directory.join(format!(".{key}.cwasm.{}.0", gone.unwrap()));
    let kept = [
        format!(".{key}.cwasm.{}.999", std::process::id()),
        format!(".{key}.cwasm.notes"),
        ".notes.cwasm.4194303.0".to_owned(),
    ];
    let kept = kept.map(|name| directory.join(name));
    for path in kept.iter().chain([&half]) {
        fs::write(path, "half").unwrap();
    }
    assert_eq!(run(&directory).len(), 1 + kept.len());
    assert!(!half.exists() && kept.iter().all(|path| path.exists()));
}

#[test]
fn code_is_kept_apart_by_how_it_is_stopped() {
    let (_parent, directory) = place();
    engine();
    for (interruption, files) in [
        (Interruption::Page, 1),
        // Of the same configuration as the one before, but without polls.
        (Interruption::None, 2),
        (Interruption::Epochs, 3),
        (Interruption::Page, 3),
    ] {
        let engine = Engine::new(EngineOptions {
            cache: CacheDirectory::At(directory.clone()),
            interruption: Some(interruption),
            ..options()
        });
        Stage::on(&engine.unwrap(), &kernel(&[])).open().unwrap();
        // In a process of its own no kernel's code can be stopped, whatever the engine does with others.
        let files = match crate::ISOLATION {
            Isolation::Thread => files,
            Isolation::Process => 1,
        };
        assert_eq!(fs::read_dir(&directory).unwrap().count(), files);
    }
}

/// Set in the process whose first engine has a cache.
const CHILD: &str = "SANDPIPE_TEST_OF_ITSELF";

#[test]
fn child_that_tests_itself() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (_parent, directory) = place();
    let engine = Engine::new(EngineOptions {
        cache: CacheDirectory::At(directory.clone()),
        ..options()
    });
    assert_eq!(engine.unwrap().interruption(), Interruption::Page);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
}

#[test]
fn the_code_of_the_self_test_is_kept_too() {
    in_a_process_of_its_own("cache::child_that_tests_itself", CHILD);
}

#[test]
fn a_damaged_file_is_written_anew() {
    let (_parent, directory) = place();
    let file = run(&directory).remove(0);
    let good = fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let damages = [
        Vec::new(),
        good[..good.len() - 1].to_vec(),
        good[..20].to_vec(),
        flipped(0),
        flipped(40),
        flipped(good.len() / 2),
        flipped(good.len() - 1),
        b"something else".to_vec(),
    ];
    for damage in damages {
        fs::write(&file, &damage).unwrap();
        assert_eq!(run(&directory), std::slice::from_ref(&file));
        assert!(
            fs::read(&file).unwrap() == good,
            "compiling is deterministic"
        );
    }
}

#[test]
fn code_under_the_name_of_another_module_is_not_loaded() {
    let (_parent, directory) = place();
    let engine = cached(&directory);
    // Doubles instead of adding 1.
    let other = kernel(&[(
        "compute",
        "(i32.store (i32.load offset=4 (local.get $frame)) (i32.mul (i32.load (i32.load (local.get $frame))) (i32.const 2)))
         (return (call $ok))",
    )]);
    engine
        .load(other.as_bytes(), &Limits::default(), crate::ISOLATION)
        .unwrap();
    let others = fs::read_dir(&directory)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let code = fs::read(&others).unwrap();
    fs::remove_file(&others).unwrap();
    let own = run(&directory).remove(0);
    fs::write(&own, code).unwrap();
    run(&directory);
}

#[test]
fn files_that_others_could_have_written_are_not_loaded() {
    let (_parent, directory) = place();
    let file = run(&directory).remove(0);
    let good = fs::read(&file).unwrap();

    fs::set_permissions(&file, fs::Permissions::from_mode(0o660)).unwrap();
    run(&directory);
    assert_eq!(mode(&file), 0o600, "the file was replaced by our own");

    let elsewhere = directory.with_file_name("elsewhere");
    fs::write(&elsewhere, &good).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(&file).unwrap();
    symlink(&elsewhere, &file).unwrap();
    run(&directory);
    assert!(
        fs::symlink_metadata(&file).unwrap().is_file(),
        "the link was replaced"
    );
    assert_eq!(fs::read(&elsewhere).unwrap(), good, "and not followed");

    fs::remove_file(&file).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &file,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    run(&directory);
    assert!(
        fs::symlink_metadata(&file).unwrap().is_file(),
        "the pipe was replaced"
    );
}

#[test]
fn a_directory_that_cannot_be_used_means_no_cache() {
    let (_parent, directory) = place();
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(run(&directory).is_empty(), "others can read the directory");

    let real = directory.with_file_name("real");
    fs::create_dir(&real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).unwrap();
    fs::remove_dir(&directory).unwrap();
    symlink(&real, &directory).unwrap();
    assert!(run(&directory).is_empty(), "the directory is a link");

    fs::remove_file(&directory).unwrap();
    fs::write(&directory, "a file").unwrap();
    run(&directory);
    run(Path::new("/proc/sandpipe"));
}
