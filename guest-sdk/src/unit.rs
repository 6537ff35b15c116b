//! Units of published figures.

macro_rules! units {
    ($($variant:ident = $text:literal,)*) => {
        /// Unit of a published figure, in CloudWatch's list. Raw figures carry theirs in the name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Unit {
            /// No unit: ratios that are no percentages, millicores, …
            None,
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl Unit {
            /// All units with a name.
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
    /// The unit of that name, as CloudWatch spells it; `None` is the name of no unit.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "None" => Some(Self::None),
            text => Self::NAMED.iter().copied().find(|unit| unit.as_str() == text),
        }
    }
}
