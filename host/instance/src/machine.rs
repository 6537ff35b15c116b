//! Detection of EC2 instances from firmware data, without any request.

/// Result of the detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// An EC2 instance.
    Ec2,
    /// Another machine.
    Other,
    /// A machine without firmware data.
    Unknown,
}

/// Files with the vendor. On Nitro it is `Amazon EC2`.
const VENDORS: [&str; 3] =
    ["/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/bios_vendor", "/sys/class/dmi/id/chassis_asset_tag"];

/// File with the BIOS version. On Xen with hardware virtualization it ends in `.amazon`, such as `4.11.amazon`.
const BIOS_VERSION: &str = "/sys/class/dmi/id/bios_version";

/// File with the hypervisor UUID. On Xen it begins with `ec2`.
const HYPERVISOR: &str = "/sys/hypervisor/uuid";

impl Machine {
    /// Detects the machine from files of the host; `read` returns the text of a file by its absolute path.
    pub fn detect(mut read: impl FnMut(&str) -> Option<String>) -> Self {
        let mut has_vendor = false;
        for path in VENDORS {
            let Some(text) = read(path) else { continue };
            has_vendor = true;
            if text.contains("Amazon EC2") {
                return Self::Ec2;
            }
        }
        let is_xen = read(BIOS_VERSION).is_some_and(|text| text.trim_end().ends_with(".amazon"))
            || read(HYPERVISOR)
                .is_some_and(|text| text.get(..3).is_some_and(|id| id.eq_ignore_ascii_case("ec2")));
        match (is_xen, has_vendor) {
            (true, _) => Self::Ec2,
            (false, true) => Self::Other,
            (false, false) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(files: &[(&str, &str)]) -> Machine {
        Machine::detect(|path| {
            files.iter().find(|(name, _)| *name == path).map(|(_, text)| format!("{text}\n"))
        })
    }

    #[test]
    fn machines_are_detected_by_firmware_data() {
        assert_eq!(detect(&[("/sys/class/dmi/id/sys_vendor", "Amazon EC2")]), Machine::Ec2);
        let xen =
            [("/sys/class/dmi/id/sys_vendor", "Xen"), ("/sys/class/dmi/id/bios_version", "4.11.amazon")];
        assert_eq!(detect(&xen), Machine::Ec2);
        let uuid = "ec2e1916-9099-7caf-fd21-012345abcdef";
        assert_eq!(detect(&[("/sys/hypervisor/uuid", uuid)]), Machine::Ec2);
        let other = [("/sys/class/dmi/id/sys_vendor", "QEMU"), ("/sys/class/dmi/id/bios_version", "1.16.2")];
        assert_eq!(detect(&other), Machine::Other);
        assert_eq!(detect(&[("/sys/class/dmi/id/sys_vendor", "Google")]), Machine::Other);
        assert_eq!(detect(&[]), Machine::Unknown);
        assert_eq!(detect(&[("/sys/hypervisor/uuid", "é")]), Machine::Unknown);
    }
}
