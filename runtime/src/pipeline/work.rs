//! What lanes are given to do.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};

use super::control::RunHandle;
use super::graph::Node;
use super::lane::{Crew, Worker};
use super::lanes::{Lane, Task, name_of};
use super::placement::{Calibration, Timed};
use super::plan::Plan;
use super::realtime::Thread;
use super::team::Helper;
use crate::config::Role;
use crate::report::FaultReport;
use crate::report::placement::Placement;

/// A lane with its work.
pub struct ReadyLane {
    /// The name of its thread.
    pub name: String,
    /// What its thread asks of the system.
    pub thread: Thread,
    /// What it runs.
    pub work: Work,
}

/// What a lane runs.
pub enum Work {
    /// Sources, intakes, stages and sinks.
    Crew(Crew),
    /// The same, to be measured and divided.
    Measured(Calibration),
    /// A share of what is divided, when it comes.
    Share(Receiver<Crew>),
    /// One more part of a stage.
    Part(Helper),
}

impl Work {
    /// Runs until there is nothing left to do, or the run is stopped.
    ///
    /// # Errors
    /// The first fault that ends the run.
    pub fn run(self, run: &RunHandle) -> Result<(), FaultReport> {
        match self {
            Work::Crew(crew) => crew.run(run),
            Work::Measured(calibration) => calibration.run(run),
            // None comes where the run ends first, or fewer lanes suffice.
            Work::Share(share) => share.recv().map_or(Ok(()), |crew| crew.run(run)),
            Work::Part(helper) => {
                helper.run();
                Ok(())
            }
        }
    }
}

/// Gives each lane its work. `helpers` compute parts of wide stages, `placement` is told what `lanes: auto` comes to,
/// and `thread` says what the lane in each place asks of the system.
pub fn hand_out(
    plan: &Plan,
    lanes: Vec<Lane>,
    crews: Vec<Crew>,
    mut helpers: HashMap<(usize, u32), Helper>,
    placement: &Arc<OnceLock<Placement>>,
    thread: impl Fn(usize) -> Thread,
) -> Vec<ReadyLane> {
    let (mut spares, mut shares) = (Vec::new(), VecDeque::new());
    for lane in lanes.iter().filter(|lane| lane.task == Task::Share) {
        let (sender, receiver) = channel();
        spares.push((lane.name.clone(), sender));
        shares.push_back(receiver);
    }
    let mut work = |lane: &Lane, crew: Crew| match lane.task {
        Task::Run => Work::Crew(crew),
        Task::Measure => Work::Measured(Calibration {
            crew: timed(plan, lane, crew),
            name: lane.name.clone(),
            spares: mem::take(&mut spares),
            placement: Arc::clone(placement),
        }),
        Task::Share => match shares.pop_front() {
            Some(share) => Work::Share(share),
            None => Work::Crew(crew),
        },
        Task::Part { stage, part } => match helpers.remove(&(stage, part)) {
            Some(helper) => Work::Part(helper),
            None => Work::Crew(crew),
        },
    };
    let lanes = lanes.into_iter().zip(crews);
    lanes
        .map(|(lane, crew)| ReadyLane {
            work: work(&lane, crew),
            name: lane.name,
            thread: thread(lane.processor),
        })
        .collect()
}

/// The crew of a lane that measures: its intakes and nodes in the order in which `build` has added them.
fn timed(plan: &Plan, lane: &Lane, crew: Crew) -> Crew<Timed> {
    let place = |node: &Node| {
        let mut order = plan.graph.order.iter();
        order.position(|other| other == node).unwrap_or(0)
    };
    let intakes = lane.intakes.iter().map(|&stream| {
        let neighbours = &plan.graph.streams[stream];
        let readers = neighbours.triggers.iter().chain(&neighbours.auxiliary);
        let first = readers.map(place).min().unwrap_or(0);
        (plan.config.streams[stream].name.value.clone(), first)
    });
    let is_source = |node: &&Node| plan.graph.role(**node) == Role::Source;
    let named = |node: &Node| (name_of(&plan.config, *node).to_owned(), place(node));
    let sources = lane.nodes.iter().filter(is_source).map(named);
    let others = lane.nodes.iter().filter(|node| !is_source(node)).map(named);
    let measure = |(worker, (name, place)): (Box<dyn Worker>, (String, usize))| {
        Timed::new(worker, name, place)
    };
    Crew {
        feeds: crew
            .feeds
            .into_iter()
            .zip(intakes.chain(sources))
            .map(measure)
            .collect(),
        workers: crew.workers.into_iter().zip(others).map(measure).collect(),
    }
}
