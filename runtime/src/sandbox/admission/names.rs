//! The names by which a kernel and the host find each other: which world a kernel is of, what it lacks, what it may import.

use super::{Form, LoadError, Mistake};
use crate::sandbox::contract::{COPIED, LOG, MAPPED, PACKAGE, SINK, VERSION, World};

/// The module that programs for WASI import; core modules get an adapter that denies everything.
pub(crate) const WASI: &str = "wasi_snapshot_preview1";

/// The world of a core module with these function exports.
pub(crate) fn of_module(exports: &[String]) -> Result<World, LoadError> {
    let name = |(interface, function): &(&str, &str)| format!("{interface}#{function}");
    let world = choose(exports, |world| world.exports().iter().map(name).collect())?;
    match world
        .exports()
        .iter()
        .map(name)
        .find(|wanted| !exports.contains(wanted))
    {
        Some(wanted) => Err(missing(&wanted, exports)),
        None => Ok(world),
    }
}

/// The world of a component with these exported interfaces.
pub(crate) fn of_component(exports: &[String]) -> Result<World, LoadError> {
    let interfaces = |world: World| {
        let mut names: Vec<String> = world
            .exports()
            .iter()
            .map(|(i, _)| (*i).to_owned())
            .collect();
        names.dedup();
        names
    };
    let world = choose(exports, interfaces)?;
    match interfaces(world)
        .into_iter()
        .find(|wanted| !exports.contains(wanted))
    {
        Some(wanted) => Err(missing(&wanted, exports)),
        None => Ok(world),
    }
}

/// Chooses the world that more of the exports belong to; `mapped` when both are complete.
fn choose(exports: &[String], wanted: impl Fn(World) -> Vec<String>) -> Result<World, LoadError> {
    let near = |interface: &str| {
        let stem = interface.split('@').next().unwrap_or(interface);
        exports.iter().any(|export| export.starts_with(stem))
    };
    let complete = |world| wanted(world).iter().all(|name| exports.contains(name));
    if complete(World::Mapped) {
        return Ok(World::Mapped);
    }
    if complete(World::Copied) {
        return Ok(World::Copied);
    }
    match (near(MAPPED), near(COPIED)) {
        (true, _) => Ok(World::Mapped),
        (false, true) => Ok(World::Copied),
        (false, false) => {
            let last = wanted(World::Mapped).pop().unwrap_or_default();
            Err(missing(&last, exports))
        }
    }
}

/// The sentence about an export that is not there, with the one that was probably meant.
fn missing(wanted: &str, exports: &[String]) -> LoadError {
    let plain = |name: &str| name.replace('_', "-").to_lowercase();
    let target = plain(wanted);
    let plain_name = wanted
        .rsplit(['#', '/'])
        .next()
        .unwrap_or(wanted)
        .replace('-', "_");
    let nearest = exports
        .iter()
        .filter_map(|export| Some((distance(&plain(export), &target)?, export)))
        .min();
    let mut mistake = Mistake::Export;
    let hint = match nearest {
        Some((_, export)) if other_version(export) => {
            mistake = Mistake::Version;
            format!(
                " It exports `{export}`; this host speaks version {VERSION} of the contract. Build it with the SDK of this version, \
                 which `sandpipe kernel new` writes."
            )
        }
        Some((_, export)) => format!(" It exports `{export}`: did you mean `{wanted}`?"),
        None if exports.contains(&plain_name) => format!(
            " It exports `{plain_name}`: `sandpipe kernel pack` gives it its name in the contract."
        ),
        None if exports.is_empty() => " It exports no functions at all.".to_owned(),
        None => format!(
            " A kernel exports what wit/kernel.wit says, under names that begin with `{PACKAGE}`."
        ),
    };
    LoadError::new(format!("The module does not export `{wanted}`.{hint}")).by(mistake)
}

/// The edit distance between two names where it is small enough for one to stand for the other. Names have any length, and
/// no distance is below the difference in length.
fn distance(name: &str, target: &str) -> Option<usize> {
    let allowed = target.len() / 4;
    let lengths = [name, target].map(|text| text.chars().count());
    if lengths[0].abs_diff(lengths[1]) > allowed {
        return None;
    }
    let distance = strsim::osa_distance(name, target);
    (distance <= allowed).then_some(distance)
}

fn other_version(export: &str) -> bool {
    export.starts_with(PACKAGE)
        && export
            .split_once('@')
            .is_some_and(|(_, rest)| rest.split('#').next() != Some(VERSION))
}

/// Refuses imports that no kernel gets, and names all of them.
pub(crate) fn check_imports(
    form: Form,
    world: World,
    imports: &[(String, String)],
) -> Result<(), LoadError> {
    let allowed = |module: &str| {
        world.imports().contains(&module) || (form == Form::Module && module == WASI)
    };
    let refused: Vec<String> = imports
        .iter()
        .filter(|(module, _)| !allowed(module))
        .map(|(module, name)| match form {
            Form::Module => format!("`{module}#{name}`"),
            Form::Component => format!("`{module}`"),
        })
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    const SHOWN: usize = 12;
    let mut list = refused[..refused.len().min(SHOWN)].join(", ");
    if refused.len() > SHOWN {
        list.push_str(&format!(" and {} more", refused.len() - SHOWN));
    }
    let allowed = match world {
        World::Mapped => format!("`{LOG}`"),
        World::Copied => format!("`{LOG}` and `{SINK}`"),
    };
    let sink = refused.iter().any(|name| name.contains(SINK));
    let hint = if sink && world == World::Mapped {
        " A kernel of the mapped world writes its outputs where the frame table says."
    } else if refused.iter().any(|name| name.starts_with("`wasi:")) {
        " Build for wasm32-unknown-unknown, or with the WASI interfaces stubbed out."
    } else if refused.iter().any(|name| name == "`env#abort`") {
        " With AssemblyScript, build with `--use abort=`."
    } else {
        ""
    };
    let message = format!(
        "The module imports {list}; a kernel of this world may import {allowed} and nothing else.{hint}"
    );
    Err(LoadError::new(message).by(Mistake::World))
}
