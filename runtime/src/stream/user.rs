//! Users of the machine, as they are named to people.

use std::fs;

/// A user's number, with the name that `/etc/passwd` has for it: `65534 (nobody)`.
pub(super) fn describe(user: u32) -> String {
    let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
    match name_in(&known, user) {
        Some(name) => format!("{user} ({name})"),
        None => user.to_string(),
    }
}

/// The name in a table in the form of passwd(5).
fn name_in(table: &str, user: u32) -> Option<&str> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_the_name_of_the_table_or_none() {
        let table = "root:x:0:0:root:/root:/bin/bash\nbroken\nnobody:x:65534:65534:::\n";
        assert_eq!(name_in(table, 65534), Some("nobody"));
        assert_eq!(name_in(table, 0), Some("root"));
        assert_eq!(name_in(table, 1), None);
    }
}
