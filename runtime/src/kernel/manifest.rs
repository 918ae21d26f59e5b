//! The manifest: what a kernel says about itself without running.

use serde::Deserialize;
use serde_json::Value;

use crate::array::Dtype;
use crate::config::Storage;

use super::KernelError;
use super::schema::Schema;

/// The version of the contract that this host implements, as manifests name it.
pub const ABI: &str = "0.1";

/// Bytes that a manifest may have.
pub(super) const SIZE_LIMIT: usize = 64 << 10;

/// Characters that a kind, an alias or a version may have.
const NAME_LIMIT: usize = 128;

/// Streams of one part that a kernel may ask for: hosts make as many before they know better.
const ARITY_LIMIT: u32 = 1024;

/// Arrays of state that a kernel may keep.
const STATE_LIMIT: usize = 64;

/// What a kernel says about itself, checked.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its name: `cpu.scale`.
    pub kind: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Its version, as its author counts.
    pub version: Option<String>,
    /// What it does, in a sentence.
    pub summary: Option<String>,
    /// The language that it is written in, as `kernel new --lang` calls it.
    pub language: Option<String>,
    /// Where the memory of its streams must lie.
    pub storage: Storage,
    /// Trigger inputs that it takes; `None` for any number.
    pub input_arity: Option<u32>,
    /// Auxiliary inputs that it takes; `None` for any number.
    pub auxiliary_arity: Option<u32>,
    /// Outputs that it has; `None` for any number.
    pub output_arity: Option<u32>,
    /// The dtypes that its streams may have; `None` for all.
    pub dtypes: Option<Vec<Dtype>>,
    /// What its parameters must look like.
    pub parameters: Schema,
    /// The arrays that it keeps from frame to frame.
    pub state: Vec<State>,
    /// How a frame can be divided among instances; `None` where it cannot.
    pub split: Option<Split>,
}

/// An array that a kernel keeps from frame to frame, in memory of the host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What the kernel calls it.
    pub alias: String,
    /// The stream of the stage whose dtype and shape it has.
    pub like: Like,
}

/// A stream of a stage: its part and its place there. Written `output`, or `output:1` for the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Like {
    /// A trigger input.
    Input(usize),
    /// An auxiliary input.
    Auxiliary(usize),
    /// An output.
    Output(usize),
}

/// How a frame can be divided among instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Along the first axis of the outputs.
    Rows,
}

/// The manifest as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    abi: String,
    kind: String,
    #[serde(default)]
    aliases: Vec<String>,
    version: Option<String>,
    summary: Option<String>,
    language: Option<String>,
    #[serde(default)]
    storage: WrittenStorage,
    #[serde(default = "one")]
    input_arity: Option<u32>,
    #[serde(default = "none")]
    auxiliary_arity: Option<u32>,
    #[serde(default = "one")]
    output_arity: Option<u32>,
    dtypes: Option<Vec<String>>,
    parameters: Option<Value>,
    #[serde(default)]
    state: Vec<WrittenState>,
    split: Option<Split>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenStorage {
    #[default]
    Cpu,
    Gpu,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenState {
    alias: String,
    like: String,
}

fn one() -> Option<u32> {
    Some(1)
}

fn none() -> Option<u32> {
    Some(0)
}

impl Manifest {
    /// Reads the JSON text of a manifest.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow "its manifest is damaged: ".
    pub fn parse(json: &[u8]) -> Result<Manifest, KernelError> {
        if json.len() > SIZE_LIMIT {
            return Err(KernelError::new(format!(
                "it has {} bytes, more than {SIZE_LIMIT}",
                json.len()
            )));
        }
        // Sections are padded by some tools.
        let json = json.trim_ascii_end();
        let json = json.strip_suffix(b"\0").unwrap_or(json);
        // Serde takes an array for a structure as well.
        if !json.trim_ascii_start().starts_with(b"{") {
            return Err(KernelError::new("it is no JSON object"));
        }
        let version: Version =
            serde_json::from_slice(json).map_err(|error| KernelError::new(error.to_string()))?;
        if version.abi != ABI {
            return Err(KernelError::new(format!(
                "it is for version '{}' of the contract, and this host implements '{ABI}'; remove the SDK's files from its project and run \
                 sandpipe kernel build, which writes those of this version (in WebAssembly text, which has none, change 'abi' and the names of \
                 the exports)",
                version.abi
            )));
        }
        let written: Written =
            serde_json::from_slice(json).map_err(|error| KernelError::new(error.to_string()))?;
        written.check()
    }

    /// Whether the kernel takes streams of a dtype.
    pub fn takes(&self, dtype: Dtype) -> bool {
        self.dtypes
            .as_ref()
            .is_none_or(|dtypes| dtypes.contains(&dtype))
    }

    /// Whether `kind` is the kernel's kind or one of its aliases.
    pub fn is_called(&self, kind: &str) -> bool {
        self.kinds().any(|name| name == kind)
    }

    /// The kernel's kind, then its aliases.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.kind)
            .chain(&self.aliases)
            .map(String::as_str)
    }
}

/// Read before the rest: a manifest of another version may have other keys.
#[derive(Deserialize)]
struct Version {
    abi: String,
}

impl Written {
    fn check(self) -> Result<Manifest, KernelError> {
        debug_assert_eq!(self.abi, ABI);
        for kind in std::iter::once(&self.kind).chain(&self.aliases) {
            check_kind(kind)?;
        }
        for (key, value) in [("version", &self.version), ("language", &self.language)] {
            if value.as_ref().is_some_and(|value| value.len() > NAME_LIMIT) {
                return Err(KernelError::new(format!(
                    "'{key}' is longer than {NAME_LIMIT} bytes"
                )));
            }
        }
        for (key, arity) in [
            ("input_arity", self.input_arity),
            ("auxiliary_arity", self.auxiliary_arity),
            ("output_arity", self.output_arity),
        ] {
            check_arity(key, arity)?;
        }
        let dtypes = match self.dtypes {
            None => None,
            Some(names) if names.is_empty() => {
                return Err(KernelError::new(
                    "'dtypes' is empty; leave it out to allow all",
                ));
            }
            Some(names) => Some(
                names
                    .iter()
                    .map(|name| dtype(name))
                    .collect::<Result<Vec<Dtype>, _>>()?,
            ),
        };
        if self.state.len() > STATE_LIMIT {
            return Err(KernelError::new(format!(
                "it has more than {STATE_LIMIT} arrays of state"
            )));
        }
        let state: Vec<State> = self
            .state
            .into_iter()
            .map(State::read)
            .collect::<Result<_, _>>()?;
        for (index, array) in state.iter().enumerate() {
            if state[..index]
                .iter()
                .any(|before| before.alias == array.alias)
            {
                return Err(KernelError::new(format!(
                    "two arrays of state have the alias '{}'",
                    array.alias
                )));
            }
            let (arity, place) = match array.like {
                Like::Input(place) => (self.input_arity, place),
                Like::Auxiliary(place) => (self.auxiliary_arity, place),
                Like::Output(place) => (self.output_arity, place),
            };
            if arity.is_some_and(|arity| place >= arity as usize) {
                return Err(KernelError::new(format!(
                    "the state '{}' is like a stream that no stage of this kind has",
                    array.alias
                )));
            }
        }
        Ok(Manifest {
            kind: self.kind,
            aliases: self.aliases,
            version: self.version,
            summary: self.summary,
            language: self.language,
            storage: match self.storage {
                WrittenStorage::Cpu => Storage::Cpu,
                WrittenStorage::Gpu => Storage::Gpu,
            },
            input_arity: self.input_arity,
            auxiliary_arity: self.auxiliary_arity,
            output_arity: self.output_arity,
            dtypes,
            parameters: Schema::new(self.parameters)?,
            state,
            split: self.split,
        })
    }
}

impl State {
    fn read(written: WrittenState) -> Result<State, KernelError> {
        if written.alias.trim().is_empty() || written.alias.len() > NAME_LIMIT {
            return Err(KernelError::new(format!(
                "the alias of a state must have from 1 to {NAME_LIMIT} bytes"
            )));
        }
        let (part, place) = match written.like.split_once(':') {
            Some((part, place)) => (part, place.parse().ok()),
            None => (written.like.as_str(), Some(0)),
        };
        let like = place.and_then(|place| {
            Some(match part {
                "input" => Like::Input(place),
                "auxiliary" => Like::Auxiliary(place),
                "output" => Like::Output(place),
                _ => return None,
            })
        });
        match like {
            Some(like) => Ok(State {
                alias: written.alias,
                like,
            }),
            None => Err(KernelError::new(format!(
                "the state '{}' is like '{}'; write 'output', 'input' or 'auxiliary', with ':1' for the second",
                written.alias, written.like
            ))),
        }
    }
}

/// A kind is what a file name could be: letters, digits, `.`, `_` and `-`, beginning with a letter.
fn check_kind(kind: &str) -> Result<(), KernelError> {
    let fits = kind.len() <= NAME_LIMIT
        && kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && !kind.ends_with('.')
        && kind
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if fits {
        Ok(())
    } else {
        Err(KernelError::new(format!(
            "'{kind}' is no kind: use up to {NAME_LIMIT} letters, digits, '.', '_' and '-', a letter first"
        )))
    }
}

fn check_arity(key: &str, arity: Option<u32>) -> Result<(), KernelError> {
    match arity {
        Some(arity) if arity > ARITY_LIMIT => Err(KernelError::new(format!(
            "'{key}' is {arity}, more than {ARITY_LIMIT}; null allows any number"
        ))),
        _ => Ok(()),
    }
}

fn dtype(name: &str) -> Result<Dtype, KernelError> {
    Dtype::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Dtype::all().map(Dtype::name).collect();
        KernelError::new(format!(
            "'{name}' is no dtype; the dtypes are {}",
            names.join(", ")
        ))
    })
}
