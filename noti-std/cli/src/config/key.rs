use std::any::TypeId;
use std::time::Duration;

use clap::{Arg, ArgAction, Command};

/// Flags that say what to do this once, and are no settings.
const NO_SETTINGS: [&str; 4] = ["help", "version", "config", "print-config"];

/// A flag that may stand in the file.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    arg: Arg,
    name: String,
    kind: Kind,
}

/// What a value of the file looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Flag,
    Number,
    Size,
    Time,
    Text,
}

/// The keys that a configuration of this subcommand may have.
pub(crate) fn keys(root: &Command, subcommand: &str) -> Vec<Key> {
    let own = root.find_subcommand(subcommand).into_iter();
    let own = own.flat_map(Command::get_arguments);
    let mut keys: Vec<Key> = Vec::new();
    // Global flags may be among the subcommand's own, once clap has built it.
    for key in own.chain(root.get_arguments()).filter_map(Key::of) {
        if !keys.iter().any(|known| known.name == key.name) {
            keys.push(key);
        }
    }
    keys
}

impl Key {
    pub(crate) fn of(arg: &Arg) -> Option<Self> {
        let name = arg.get_long()?;
        if NO_SETTINGS.contains(&name) || arg.is_hide_set() {
            return None;
        }
        let value_type = arg.get_value_parser().type_id();
        let is = |other: TypeId| value_type == other;
        let kind = match arg.get_action() {
            ArgAction::SetTrue | ArgAction::SetFalse => Kind::Flag,
            ArgAction::Count => Kind::Number,
            _ if is(TypeId::of::<Duration>()) => Kind::Time,
            // Only sizes in memory are of that type.
            _ if is(TypeId::of::<usize>()) => Kind::Size,
            _ if is(TypeId::of::<u16>()) || is(TypeId::of::<u32>()) || is(TypeId::of::<u64>()) => {
                Kind::Number
            }
            _ => Kind::Text,
        };
        Some(Self {
            arg: arg.clone(),
            name: name.to_owned(),
            kind,
        })
    }

    pub(crate) fn arg(&self) -> &Arg {
        &self.arg
    }

    pub(crate) fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether it takes several values.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::Append)
    }

    /// Whether it counts how often it is given.
    pub(crate) fn is_count(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::Count)
    }

    /// The values that it chooses from, if they are few.
    pub(crate) fn choices(&self) -> Vec<String> {
        let choices = self.arg.get_possible_values();
        choices
            .iter()
            .map(|choice| choice.get_name().to_owned())
            .collect()
    }

    /// What is expected, for people.
    pub(crate) fn expected(&self) -> String {
        let choices = self.choices();
        let one = match self.kind {
            Kind::Flag => "true or false".to_owned(),
            Kind::Number => "a whole number".to_owned(),
            Kind::Size => "a size such as \"64KiB\", or a number of bytes".to_owned(),
            Kind::Time => "a time such as \"60s\"".to_owned(),
            Kind::Text if choices.is_empty() => "a string".to_owned(),
            Kind::Text => format!("one of {}", quoted(&choices)),
        };
        if self.is_list() {
            format!("{one}, or an array of such")
        } else {
            one
        }
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    names.join(", ")
}
