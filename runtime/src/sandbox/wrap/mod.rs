//! What is done to a module before it is compiled: making a component of a core module, so that an author needs no component
//! tools, and adding the polls by which it can be stopped.

mod count;
mod nested;
mod polls;
mod prepare;

use std::borrow::Cow;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use super::admission::names::WASI;
use super::admission::{Facts, LoadError, check_size};
use super::advice::Mistake;
use super::contract::{WIT, World};
pub(crate) use count::check_one_memory;
pub(crate) use polls::{add_loops, add_polls};
use prepare::prepare;

/// Raise this when the outcome of [`wrap`] or [`add_polls`] changes: cached code is then compiled anew.
pub(crate) const VERSION: u32 = 5;

/// Answers every call of `wasi_snapshot_preview1` without giving anything away.
const DENY: &str = include_str!("deny.wat");

/// The bytes of a module in the binary format. `bytes` may be that already, or the text format.
pub(crate) fn to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>, LoadError> {
    check_size(bytes)?;
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes.into());
    }
    if wasmtime::Engine::detect_precompiled(bytes).is_some() || bytes.starts_with(b"\x7fELF") {
        return Err(LoadError::new(
            "The file holds compiled machine code, not WebAssembly. Precompiled modules are never accepted; give the .wasm file.",
        ));
    }
    let text = std::str::from_utf8(bytes).ok();
    let text = text.filter(|text| {
        let start = text.trim_start();
        start.starts_with('(') || start.starts_with(";;")
    });
    let Some(text) = text else {
        return Err(LoadError::new(
            "The file is not WebAssembly: it is neither a binary module (which begins with `\\0asm`) nor WebAssembly text.",
        ));
    };
    match wat::parse_str(text) {
        Ok(binary) => Ok(binary.into()),
        Err(error) => Err(LoadError::new(format!(
            "The WebAssembly text does not parse: {}.",
            on_one_line(&error.to_string())
        ))),
    }
}

/// wat shows the line and marks the place below it: `message` / `--> <anon>:3:14` / the line / the mark. On one line: the
/// message, line and column.
fn on_one_line(error: &str) -> String {
    let message = error.lines().next().unwrap_or_default().trim();
    let place = error
        .split_once("<anon>:")
        .and_then(|(_, rest)| rest.lines().next()?.trim().split_once(':'));
    match place {
        Some((line, column)) => format!("{message} (line {line}, column {column})"),
        None => message.to_owned(),
    }
}

/// Makes a kernel of a core module that admission has accepted: a component, or, of the mapped world, what such a component would be
/// made of. That is called directly then (see [`abi`](super::abi)); wrapping it shows that its functions have the types of the
/// contract. A module that is linked to an adapter is a component in any case.
pub(crate) fn wrap(module: &[u8], facts: &Facts) -> Result<Vec<u8>, LoadError> {
    let failed = |error: anyhow::Error| {
        let message = format!("The module does not fit the contract: {error:#}.");
        LoadError::new(message).by(Mistake::Export)
    };
    let (resolve, world) = contract(facts.world).map_err(failed)?;
    let mut module = prepare(module, &facts.exports)?;
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(failed)?;
    let deny = wat::parse_str(DENY).map_err(|error| failed(error.into()))?;
    let component = ComponentEncoder::default()
        .validate(false)
        .adapter(WASI, &deny)
        .and_then(|encoder| encoder.module(&module)?.encode())
        .map_err(failed)?;
    let adapted = facts.imports.iter().any(|import| import.starts_with(WASI));
    Ok(match facts.world {
        World::Mapped if !adapted => module,
        World::Mapped | World::Copied => component,
    })
}

/// Checks that a component's imports and exports have the types of the contract.
pub(crate) fn check_component(component: &[u8], world: World) -> Result<(), LoadError> {
    contract(world)
        .and_then(|(resolve, world)| wit_component::targets(&resolve, world, component))
        .map_err(|error| {
            let message = format!(
                "The component's functions do not have the types of the contract: {error:#}."
            );
            LoadError::new(message).by(Mistake::Export)
        })
}

/// The contract, parsed, and one of its worlds.
fn contract(world: World) -> anyhow::Result<(Resolve, wit_parser::WorldId)> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("kernel.wit", WIT)?;
    let world = resolve.select_world(&[package], Some(world.name()))?;
    Ok((resolve, world))
}
