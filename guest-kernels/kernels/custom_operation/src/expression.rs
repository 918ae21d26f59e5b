//! From tokens to an expression.
//!
//! The grammar, which is a part of Python's:
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = signed { ("*" | "/" | "@") signed }
//! signed  = { "+" | "-" } primary
//! primary = number | name | function "(" sum { "," sum } [","] ")" | "(" sum ")"
//! ```
//!
//! The nodes of an expression lie in a list, operands before what uses them, so that nothing after the parser has
//! to recurse. The parser recurses at parentheses only, to a limited depth.

use crate::{
    constant::Constant,
    token::{Error, Token, tokens},
};

/// Parentheses within parentheses.
const DEPTH_LIMIT: usize = 64;

/// Numbers, names, operators and functions of one operation.
const NODE_LIMIT: usize = 1000;

/// Characters of one operation, in bytes.
const LENGTH_LIMIT: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Positive,
    Negative,
    Absolute,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Minimum,
    Maximum,
    /// The matrix product, `@`.
    Product,
}

/// Operands are positions in the list of nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Node {
    Number(Constant),
    /// A stream, by its place in the list of names.
    Stream(usize),
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    /// x, lower bound, upper bound.
    Clip([usize; 3]),
}

/// A parsed operation. The last node is the result; every other node is the operand of exactly one later node.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub nodes: Vec<Node>,
    /// Where each node is written.
    pub columns: Vec<usize>,
}

impl Expression {
    /// Parses an operation on streams of the given names.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Self, Error> {
        if text.len() > LENGTH_LIMIT {
            let message = format!("the operation is longer than {LENGTH_LIMIT} bytes");
            return Err(Error::new(1, message));
        }
        let mut parser = Parser {
            tokens: tokens(text)?,
            next: 0,
            names,
            depth: 0,
            expression: Expression {
                nodes: Vec::new(),
                columns: Vec::new(),
            },
        };
        parser.sum()?;
        match parser.take() {
            (_, Token::End) => Ok(parser.expression),
            (column, token) => Err(Error::new(
                column,
                format!("expected an operator or the end, found {token}"),
            )),
        }
    }
}

struct Parser<'a> {
    tokens: Vec<(usize, Token<'a>)>,
    next: usize,
    names: &'a [&'a str],
    depth: usize,
    expression: Expression,
}

impl<'a> Parser<'a> {
    fn sum(&mut self) -> Result<usize, Error> {
        let mut left = self.product()?;
        while let Some((column, sign)) = self.take_sign(&['+', '-']) {
            let right = self.product()?;
            let operator = if sign == '+' {
                Binary::Add
            } else {
                Binary::Subtract
            };
            left = self.push(column, Node::Binary(operator, left, right))?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<usize, Error> {
        let mut left = self.signed()?;
        while let Some((column, sign)) = self.take_sign(&['*', '/', '@']) {
            let right = self.signed()?;
            let operator = match sign {
                '*' => Binary::Multiply,
                '/' => Binary::Divide,
                _ => Binary::Product,
            };
            left = self.push(column, Node::Binary(operator, left, right))?;
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<usize, Error> {
        let mut signs = Vec::new();
        while let Some(sign) = self.take_sign(&['+', '-']) {
            signs.push(sign);
        }
        let mut operand = self.primary()?;
        for (column, sign) in signs.into_iter().rev() {
            let operator = if sign == '+' {
                Unary::Positive
            } else {
                Unary::Negative
            };
            operand = self.push(column, Node::Unary(operator, operand))?;
        }
        Ok(operand)
    }

    fn primary(&mut self) -> Result<usize, Error> {
        match self.take() {
            (column, Token::Number(number)) => self.push(column, Node::Number(number)),
            (column, Token::Name(name)) => match self.take_sign(&['(']) {
                Some(_) => self.call(column, name),
                None => self.name(column, name),
            },
            (column, Token::Sign('(')) => {
                self.enter(column)?;
                let inner = self.sum()?;
                self.expect(')')?;
                self.depth -= 1;
                Ok(inner)
            }
            (column, token) => Err(Error::new(
                column,
                format!("expected a number, a name or '(', found {token}"),
            )),
        }
    }

    fn name(&mut self, column: usize, name: &str) -> Result<usize, Error> {
        if let Some(stream) = self.names.iter().position(|&known| known == name) {
            return self.push(column, Node::Stream(stream));
        }
        Err(Error::new(
            column,
            format!(
                "unknown name '{name}'; allowed names are: {}",
                self.names.join(", ")
            ),
        ))
    }

    /// A call, after its opening parenthesis.
    fn call(&mut self, column: usize, function: &str) -> Result<usize, Error> {
        self.enter(column)?;
        let mut arguments = Vec::new();
        while self.take_sign(&[')']).is_none() {
            if !arguments.is_empty() {
                self.expect(',')?;
                if self.take_sign(&[')']).is_some() {
                    break;
                }
            }
            arguments.push(self.sum()?);
        }
        self.depth -= 1;
        let (arity, node) = match (function, arguments.as_slice()) {
            ("abs", &[x]) => (1, Some(Node::Unary(Unary::Absolute, x))),
            ("abs", _) => (1, None),
            ("min" | "minimum", &[x, y]) => (2, Some(Node::Binary(Binary::Minimum, x, y))),
            ("max" | "maximum", &[x, y]) => (2, Some(Node::Binary(Binary::Maximum, x, y))),
            ("min" | "minimum" | "max" | "maximum", _) => (2, None),
            ("clip", &[x, low, high]) => (3, Some(Node::Clip([x, low, high]))),
            ("clip", _) => (3, None),
            _ => {
                let message = format!(
                    "unknown function '{function}'; allowed functions are: abs, clip, max, maximum, min, minimum"
                );
                return Err(Error::new(column, message));
            }
        };
        match node {
            Some(node) => self.push(column, node),
            None => Err(Error::new(
                column,
                format!(
                    "the function '{function}' takes {arity} argument{}, got {}",
                    if arity == 1 { "" } else { "s" },
                    arguments.len()
                ),
            )),
        }
    }

    fn enter(&mut self, column: usize) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            let message = format!("the operation nests deeper than {DEPTH_LIMIT} parentheses");
            return Err(Error::new(column, message));
        }
        Ok(())
    }

    fn push(&mut self, column: usize, node: Node) -> Result<usize, Error> {
        let index = self.expression.nodes.len();
        if index == NODE_LIMIT {
            let message =
                format!("the operation has more than {NODE_LIMIT} numbers, names and operators");
            return Err(Error::new(column, message));
        }
        self.expression.nodes.push(node);
        self.expression.columns.push(column);
        Ok(index)
    }

    fn peek(&self) -> (usize, Token<'a>) {
        // The last token is the end, and nothing goes past it.
        let last = self.tokens.len() - 1;
        self.tokens[self.next.min(last)].clone()
    }

    fn take(&mut self) -> (usize, Token<'a>) {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn take_sign(&mut self, signs: &[char]) -> Option<(usize, char)> {
        match self.peek() {
            (column, Token::Sign(sign)) if signs.contains(&sign) => {
                self.next += 1;
                Some((column, sign))
            }
            _ => None,
        }
    }

    fn expect(&mut self, sign: char) -> Result<(), Error> {
        match self.take() {
            (_, Token::Sign(found)) if found == sign => Ok(()),
            (column, token) => Err(Error::new(
                column,
                format!("expected '{sign}', found {token}"),
            )),
        }
    }
}
