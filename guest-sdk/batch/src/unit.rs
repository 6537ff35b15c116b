//! Units of published metrics.

macro_rules! units {
    ($($variant:ident = $text:literal,)*) => {
        /// Unit of a published metric, from CloudWatch's list. Raw metrics carry their unit in the name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Unit {
            /// No unit: ratios that are not percentages, millicores, …
            None,
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl Unit {
            /// All units except [`Unit::None`].
            pub const NAMED: &'static [Self] = &[$(Self::$variant,)*];

            /// CloudWatch's name of the unit; empty for [`Unit::None`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::None => "",
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

units! {
    Seconds = "Seconds",
    Microseconds = "Microseconds",
    Milliseconds = "Milliseconds",
    Bytes = "Bytes",
    Kilobytes = "Kilobytes",
    Megabytes = "Megabytes",
    Gigabytes = "Gigabytes",
    Terabytes = "Terabytes",
    Bits = "Bits",
    Kilobits = "Kilobits",
    Megabits = "Megabits",
    Gigabits = "Gigabits",
    Terabits = "Terabits",
    Percent = "Percent",
    Count = "Count",
    BytesPerSecond = "Bytes/Second",
    KilobytesPerSecond = "Kilobytes/Second",
    MegabytesPerSecond = "Megabytes/Second",
    GigabytesPerSecond = "Gigabytes/Second",
    TerabytesPerSecond = "Terabytes/Second",
    BitsPerSecond = "Bits/Second",
    KilobitsPerSecond = "Kilobits/Second",
    MegabitsPerSecond = "Megabits/Second",
    GigabitsPerSecond = "Gigabits/Second",
    TerabitsPerSecond = "Terabits/Second",
    CountPerSecond = "Count/Second",
}

impl Unit {
    /// Parses CloudWatch's name of a unit; the empty string and `None` both give [`Unit::None`].
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "None" => Some(Self::None),
            text => Self::NAMED.iter().copied().find(|unit| unit.as_str() == text),
        }
    }
}
