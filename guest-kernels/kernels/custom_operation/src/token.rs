//! From characters to tokens.

use std::{fmt, iter::Peekable, str::CharIndices};

use crate::constant::Constant;

/// What is wrong with an operation, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Error {
    /// The character, counted from 1.
    pub column: usize,
    pub message: String,
}

impl Error {
    pub(crate) fn new(column: usize, message: impl Into<String>) -> Self {
        Error {
            column,
            message: message.into(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Name(&'a str),
    Number(Constant),
    /// One of `+ - * / @ ( ) ,`.
    Sign(char),
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Name(name) => write!(f, "'{name}'"),
            Token::Number(_) => f.write_str("a number"),
            Token::Sign(sign) => write!(f, "'{sign}'"),
            Token::End => f.write_str("the end"),
        }
    }
}

/// The tokens of an operation, each with the column where it begins. Ends with [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<(usize, Token<'_>)>, Error> {
    let mut tokens = Vec::new();
    let mut characters = text.char_indices().peekable();
    let column = |offset: usize| text[..offset].chars().count() + 1;
    while let Some(&(start, character)) = characters.peek() {
        let token = match character {
            _ if character.is_whitespace() => {
                characters.next();
                continue;
            }
            // To the end of the line.
            '#' => {
                while characters.next_if(|&(_, c)| c != '\n').is_some() {}
                continue;
            }
            _ if character.is_alphabetic() || character == '_' => {
                let end = skip(&mut characters, text, |_, c| {
                    c.is_alphanumeric() || c == '_'
                });
                Token::Name(&text[start..end])
            }
            '0'..='9' | '.' => {
                // A sign belongs to the number after the e of an exponent only.
                let end = skip(&mut characters, text, |before, c| {
                    c.is_alphanumeric()
                        || matches!(c, '.' | '_')
                        || matches!(c, '+' | '-')
                            && matches!(before, Some('e' | 'E'))
                            && !text[start..].starts_with("0x")
                            && !text[start..].starts_with("0X")
                });
                let written = &text[start..end];
                let number = Constant::read(written).ok_or_else(|| {
                    Error::new(column(start), format!("'{written}' is not a real number"))
                })?;
                Token::Number(number)
            }
            '+' | '-' | '*' | '/' | '@' | '(' | ')' | ',' => {
                characters.next();
                if matches!(character, '*' | '/') && text[start + 1..].starts_with(character) {
                    let message = format!("the operator '{character}{character}' is not supported");
                    return Err(Error::new(column(start), message));
                }
                Token::Sign(character)
            }
            _ => {
                let message = format!("unexpected character '{character}'");
                return Err(Error::new(column(start), message));
            }
        };
        tokens.push((column(start), token));
    }
    tokens.push((column(text.len()), Token::End));
    Ok(tokens)
}

/// Moves past the characters that belong, given the one before each, and returns where they end.
fn skip(
    characters: &mut Peekable<CharIndices<'_>>,
    text: &str,
    belongs: impl Fn(Option<char>, char) -> bool,
) -> usize {
    let mut before = None;
    while let Some((_, character)) =
        characters.next_if(|&(_, character)| belongs(before, character))
    {
        before = Some(character);
    }
    characters.peek().map_or(text.len(), |&(offset, _)| offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_belong_to_exponents_only() {
        let tokens = tokens("a1-1e-3+x").map(|tokens| tokens.len());
        assert_eq!(tokens, Ok(6));
    }

    #[test]
    fn what_no_token_begins_with_is_pointed_at() {
        let error = |text| tokens(text).err();
        assert_eq!(
            error("ä + %"),
            Some(Error::new(5, "unexpected character '%'"))
        );
        assert!(error("a ** 2").is_some_and(|error| error.message.contains("'**'")));
        assert!(error("a // 2").is_some_and(|error| error.column == 3));
        for number in [
            "1j", "1_", "0x", "1.2.3", "1e", "007", "1__0", "1_.5", "0b12", "1e+",
        ] {
            assert!(error(number).is_some(), "{number}");
        }
    }
}
