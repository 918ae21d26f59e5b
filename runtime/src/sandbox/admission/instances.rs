//! How many instances a component makes when it is instantiated.
//!
//! That can be far more than it has statements: a component that instantiates twice what instantiates twice what … makes 2ⁿ, and
//! the compiler copies the code that links them as often. So they are counted as the component is walked: each component's count is
//! known when its end is reached, and is added wherever it is instantiated.

use wasmparser::{
    ComponentAlias, ComponentAliasSectionReader, ComponentExportSectionReader,
    ComponentExternalKind, ComponentImportSectionReader, ComponentInstance,
    ComponentInstanceSectionReader, ComponentOuterAliasKind, ComponentTypeRef, Instance,
    InstanceSectionReader,
};

use super::{LoadError, damaged, within};
use crate::sandbox::bounds::INSTANTIATIONS;

/// The components that contain the place of the walk, outermost first.
#[derive(Default)]
pub(super) struct Instances(Vec<Scope>);

#[derive(Default)]
struct Scope {
    /// What each component of its index space makes, where that is known: not of one that came from elsewhere.
    components: Vec<Option<usize>>,
    made: usize,
}

impl Instances {
    /// A component begins.
    pub fn enter(&mut self) {
        self.0.push(Scope::default());
    }

    /// A component ends.
    pub fn leave(&mut self) {
        // One is the instance of the component itself.
        let makes = self.0.pop().map(|scope| scope.made + 1);
        self.defines(makes);
    }

    pub fn core_instances(&mut self, section: InstanceSectionReader<'_>) -> Result<(), LoadError> {
        for instance in section {
            if let Instance::Instantiate { .. } = instance.map_err(damaged)? {
                self.add(1)?;
            }
        }
        Ok(())
    }

    pub fn instances(
        &mut self,
        section: ComponentInstanceSectionReader<'_>,
    ) -> Result<(), LoadError> {
        for instance in section {
            let ComponentInstance::Instantiate {
                component_index, ..
            } = instance.map_err(damaged)?
            else {
                continue;
            };
            let scope = self.0.last();
            let known = scope.and_then(|scope| *scope.components.get(component_index as usize)?);
            let more = known.ok_or_else(|| {
                LoadError::new(
                    "A component of the module instantiates another that it does not contain. Build the kernel so that each component \
                     contains what it instantiates.",
                )
            })?;
            self.add(more)?;
        }
        Ok(())
    }

    pub fn aliases(&mut self, section: ComponentAliasSectionReader<'_>) -> Result<(), LoadError> {
        for alias in section {
            let names_component = matches!(
                alias.map_err(damaged)?,
                ComponentAlias::Outer {
                    kind: ComponentOuterAliasKind::Component,
                    ..
                } | ComponentAlias::InstanceExport {
                    kind: ComponentExternalKind::Component,
                    ..
                }
            );
            if names_component {
                self.defines(None);
            }
        }
        Ok(())
    }

    pub fn imports(&mut self, section: ComponentImportSectionReader<'_>) -> Result<(), LoadError> {
        for import in section {
            let ty = import.map_err(damaged)?.ty;
            if matches!(ty, ComponentTypeRef::Component(_)) {
                self.defines(None);
            }
        }
        Ok(())
    }

    pub fn exports(&mut self, section: ComponentExportSectionReader<'_>) -> Result<(), LoadError> {
        for export in section {
            let kind = export.map_err(damaged)?.kind;
            if kind == ComponentExternalKind::Component {
                self.defines(None);
            }
        }
        Ok(())
    }

    /// The index space of components has one more.
    fn defines(&mut self, makes: Option<usize>) {
        if let Some(scope) = self.0.last_mut() {
            scope.components.push(makes);
        }
    }

    fn add(&mut self, more: usize) -> Result<(), LoadError> {
        let made = self.0.last_mut().map_or(0, |scope| {
            // Both are within the limit, so that this cannot overflow.
            scope.made += more;
            scope.made
        });
        within("instances of modules and components", made, INSTANTIATIONS)
    }
}
