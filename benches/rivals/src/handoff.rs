//! iceoryx2: publish and subscribe over shared memory, both sides polling.

use std::error::Error;
use std::thread;
use std::time::Instant;

use hdrhistogram::Histogram;
use iceoryx2::prelude::*;

use crate::histogram;

const ROUND_TRIPS: u64 = 300_000;
const END: u64 = u64::MAX;

type Frame = [u64; 8];

fn service(
    node: &Node<ipc::Service>,
    name: &str,
) -> Result<iceoryx2::service::port_factory::publish_subscribe::PortFactory<ipc::Service, Frame, ()>, Box<dyn Error>> {
    let name = format!("sandpipe-rivals/{}/{name}", std::process::id());
    Ok(node
        .service_builder(&name.as_str().try_into()?)
        .publish_subscribe::<Frame>()
        .open_or_create()?)
}

pub fn half_round_trips() -> Result<Histogram<u64>, Box<dyn Error>> {
    let node = NodeBuilder::new().create::<ipc::Service>()?;
    let (there, back) = (service(&node, "there")?, service(&node, "back")?);
    let publisher = there.publisher_builder().create()?;
    let subscriber = back.subscriber_builder().create()?;
    let (send, receive) = (|number: u64| -> Result<(), Box<dyn Error>> {
        publisher.loan_uninit()?.write_payload([number; 8]).send()?;
        Ok(())
    }, || -> Result<u64, Box<dyn Error>> {
        loop {
            if let Some(sample) = subscriber.receive()? {
                return Ok(sample.payload()[0]);
            }
            std::hint::spin_loop();
        }
    });
    let mut times = histogram();
    thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        scope.spawn(|| echo().expect("the other side"));
        // The other side answers when it is there.
        while subscriber.receive()?.is_none() {
            send(0)?;
            thread::yield_now();
        }
        thread::sleep(std::time::Duration::from_millis(50));
        while subscriber.receive()?.is_some() {}
        for number in 1..=ROUND_TRIPS {
            let start = Instant::now();
            send(number)?;
            while receive()? != number {}
            times.saturating_record(start.elapsed().as_nanos() as u64 / 2);
        }
        send(END)
    })?;
    Ok(times)
}

/// Sends back what comes, until the end comes.
fn echo() -> Result<(), Box<dyn Error>> {
    let node = NodeBuilder::new().create::<ipc::Service>()?;
    let subscriber = service(&node, "there")?.subscriber_builder().create()?;
    let publisher = service(&node, "back")?.publisher_builder().create()?;
    loop {
        let Some(sample) = subscriber.receive()? else {
            std::hint::spin_loop();
            continue;
        };
        let number = sample.payload()[0];
        if number == END {
            return Ok(());
        }
        publisher.loan_uninit()?.write_payload([number; 8]).send()?;
    }
}
