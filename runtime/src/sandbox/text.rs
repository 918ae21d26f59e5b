//! Text that a guest made, before a person sees it.

/// Makes `text` fit for a terminal and a log: one line, no control characters, nothing that reorders or hides text, and
/// at most `limit` characters (a cut is marked by `…`).
pub fn clean(text: &str, limit: usize) -> String {
    let mut cleaned = String::with_capacity(text.len().min(limit));
    for (count, character) in text.trim_end().chars().enumerate() {
        if count == limit {
            cleaned.push('…');
            break;
        }
        cleaned.push(match character {
            '\n' | '\r' | '\t' => ' ',
            character if is_harmful(character) => '\u{fffd}',
            character => character,
        });
    }
    cleaned
}

/// [`clean`] for bytes that ought to be UTF-8. Looks at no more bytes than `limit` characters can have.
pub fn clean_bytes(bytes: &[u8], limit: usize) -> String {
    let needed = bytes.len().min(limit.saturating_add(1).saturating_mul(4));
    clean(&String::from_utf8_lossy(&bytes[..needed]), limit)
}

/// Control characters (terminal escapes among them) and the invisible characters that change how a line reads: direction
/// marks and overrides, line and paragraph separators, zero-width characters, tags.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_line_breaks_are_defused() {
        assert_eq!(clean("a\x1b[31mb\r\nc\0", 100), "a\u{fffd}[31mb  c\u{fffd}");
        assert_eq!(clean("x\u{202e}y\u{9b}z", 100), "x\u{fffd}y\u{fffd}z");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(clean(&"é".repeat(10), 4), "éééé…");
        assert_eq!(clean("éééé", 4), "éééé");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(clean_bytes(b"a\xff\xfeb", 10), "a\u{fffd}\u{fffd}b");
        assert_eq!(clean_bytes(&vec![b'x'; 1 << 20], 3), "xxx…");
    }
}
