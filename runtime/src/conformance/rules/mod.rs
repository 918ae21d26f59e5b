//! The rules, in the order in which they are tried.

mod attempt;
mod configuration;
mod endurance;
mod output;

use super::suite::Suite;
use super::{Rule, Verdict};

type Test = fn(&Suite<'_>) -> Verdict;

pub(super) const RULES: &[(Rule, Test)] = &[
    (
        Rule {
            name: "accepts",
            asks: "a right configuration is accepted, and a frame is computed",
            why: "nothing else can be tried otherwise, and no pipeline can use the kernel",
            mend: "make validate_config and init accept it; if the kernel needs other arrays, say so with --input, --auxiliary and --output",
        },
        configuration::accepts,
    ),
    (
        Rule {
            name: "dtypes",
            asks: "every dtype of the manifest can be used",
            why: "the host lets streams of these dtypes through without asking the kernel",
            mend: "list in \"dtypes\" what the kernel takes and nothing else, or take it",
        },
        configuration::dtypes,
    ),
    (
        Rule {
            name: "arity",
            asks: "every number of streams that the manifest allows is accepted or refused with a message",
            why: "\"any number\" in the manifest means that the host leaves the check to the kernel",
            mend: "fail in validate_config with a message, or give the number in the manifest",
        },
        configuration::arity,
    ),
    (
        Rule {
            name: "parameters",
            asks: "parameters that the schema does not require can be left out or are missed with a message, and its defaults are what the kernel does without them",
            why: "the schema is all that a pipeline's author sees",
            mend: "list a parameter under \"required\", or use its \"default\" where it is missing",
        },
        configuration::parameters,
    ),
    (
        Rule {
            name: "refusals",
            asks: "outputs of other shapes and dtypes are refused with a message, or computed",
            why: "a pipeline's author needs a sentence, before any stream exists, and not a trap while it runs",
            mend: "compare the outputs with the inputs in validate_config (require_like) and fail with a message",
        },
        configuration::refusals,
    ),
    (
        Rule {
            name: "sizes",
            asks: "odd sizes, single rows and single elements are computed, or refused with a message",
            why: "vector code forgets what is left at the end, and loops over neighbours the edges",
            mend: "compute the rest element by element, or refuse the shape in validate_config",
        },
        configuration::sizes,
    ),
    (
        Rule {
            name: "values",
            asks: "no number in an input makes the kernel fault",
            why: "a NaN or the largest integer from a sensor would stop the pipeline",
            mend: "use saturating conversions, and test a divisor or an index that comes from an input",
        },
        output::values,
    ),
    (
        Rule {
            name: "inside",
            asks: "nothing is written outside the outputs",
            why: "behind an output in the kernel's memory lie older frames, which others may read just then",
            mend: "stop at the number of elements; look at the last rows and columns",
        },
        output::inside,
    ),
    (
        Rule {
            name: "whole",
            asks: "every byte of the outputs is written",
            why: "what is not written shows what an older frame had there",
            mend: "write every element at every frame, also where there is nothing to say",
        },
        output::whole,
    ),
    (
        Rule {
            name: "repeats",
            asks: "the same inputs give the same outputs, in every instance",
            why: "replays, golden files and a second instance after a fault rely on it",
            mend: "initialise what is read; use no random numbers, clock or address",
        },
        output::repeats,
    ),
    (
        Rule {
            name: "restarts",
            asks: "a fresh instance goes on bit for bit from the committed state",
            why: "after a fault or with a new version of the module the stage goes on in a fresh instance",
            mend: "keep what a frame leaves to the next in a state array (\"state\" in the manifest), not in a variable",
        },
        output::restarts,
    ),
    (
        Rule {
            name: "memory",
            asks: "memory does not grow over 10,000 frames",
            why: "a kernel that grows reaches its limit after hours and faults then",
            mend: "allocate in init and use that again; free what a frame allocates",
        },
        endurance::memory,
    ),
    (
        Rule {
            name: "time",
            asks: "every frame ends before the deadline",
            why: "a call that takes longer is stopped",
            mend: "do less for a frame, or raise the stage's limits: deadline",
        },
        endurance::time,
    ),
];
