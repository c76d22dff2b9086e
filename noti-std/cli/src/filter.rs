use clap::Args;
use clap::builder::PossibleValuesParser;
use noti_forward::Filter;

/// Which events are wanted. The others are acked, counted, and not written.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Options {
    /// Write only events of this type; repeatable. What the filters leave out is acked, and gone.
    // An event type that is mistyped would ack everything away: only known ones are taken.
    #[arg(long, env = "NOTI_EVENT_TYPE", value_name = "TYPE", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(EVENT_TYPES))]
    event_type: Vec<String>,

    /// Write only events of products with this key; repeatable.
    #[arg(
        long,
        env = "NOTI_PRODUCT_KEY",
        value_name = "KEY",
        value_delimiter = ',',
        value_parser = id
    )]
    product_key: Vec<String>,

    /// Write only events of the device with this id; repeatable.
    #[arg(long, env = "NOTI_DID", value_name = "DID", value_delimiter = ',', value_parser = id)]
    did: Vec<String>,
}

const EVENT_TYPES: [&str; 6] = [
    "device_online",
    "device_offline",
    "device_status_kv",
    "device_status_raw",
    "attr_fault",
    "attr_alert",
];

/// An id that events can have. A variable that is empty, as containers set them, must not ack everything away.
fn id(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("it is empty; leave it out to get all events"),
        id => Ok(id.to_owned()),
    }
}

impl Options {
    pub(crate) fn filter(&self) -> Filter {
        Filter::new(&self.event_type, &self.product_key, &self.did)
    }
}
