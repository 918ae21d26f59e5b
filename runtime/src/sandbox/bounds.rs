//! What every guest is bound by, whatever the limits of its stage say.

/// Bytes of a module or component. CPython as a component has 18 MB.
pub const MODULE_BYTES: usize = 64 << 20;
/// Bytes of one function: compile time grows faster than this.
pub const FUNCTION_BYTES: usize = 1 << 20;
/// Locals of one function, parameters not counted.
pub const FUNCTION_LOCALS: u64 = 10_000;
/// Blocks, loops and conditions inside one another in one function: compile time grows with the square of this, to half a second.
/// A `switch` of a thousand cases has a thousand.
pub const BLOCK_DEPTH: usize = 5_000;
/// Functions, over all nested modules together, as for what follows.
pub const FUNCTIONS: usize = 200_000;
/// Types.
pub const TYPES: usize = 100_000;
/// Imports.
pub const IMPORTS: usize = 10_000;
/// Exports.
pub const EXPORTS: usize = 10_000;
/// Globals.
pub const GLOBALS: usize = 100_000;
/// Data and element segments.
pub const SEGMENTS: usize = 100_000;
/// Tables.
pub const TABLES: usize = 256;
/// Elements of all tables of a guest together: function pointers of a large Go program are a tenth of this.
pub const TABLE_ELEMENTS: usize = 1 << 18;
/// Modules and components nested in a component.
pub const NESTED: usize = 256;
/// How deep they may be nested.
pub const DEPTH: usize = 16;
/// Instances of modules and components that a component makes, each as often as it makes it.
pub const INSTANTIATIONS: usize = 256;
/// Core instances that a component may consist of.
pub const INSTANCES: usize = 64;
/// Characters of a log message that are kept.
pub const LOG_CHARACTERS: usize = 500;
/// Characters of a fault's message that are kept.
pub const FAULT_CHARACTERS: usize = 1000;
