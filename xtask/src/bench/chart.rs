//! The results as a picture: for each row how much CPU we take, with Kamailio as the measure of all
//! rows and the kernel's floor beside both.

use super::results::RowResult;
use std::fmt::Write as _;

/// An SVG of bars; a row without both servers is left out.
pub(super) fn render(rows: &[RowResult], subtitle: &str) -> String {
    let rows: Vec<&RowResult> = rows.iter().filter(|row| row.ratio().is_some()).collect();
    let most = rows
        .iter()
        .filter_map(|row| row.ratio())
        .fold(1.0, f64::max);
    let scale = BAR_WIDTH / most;
    let mut body = String::new();
    let mut top = HEAD;
    for row in &rows {
        draw_row(&mut body, row, top, scale);
        top += ROW_HEIGHT;
    }
    let mut text = String::new();
    let height = top + FOOT;
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui, Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"#1f2328\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"17\" font-weight=\"600\">CPU time for one transaction, one core, equal load</text>\n\
         <text x=\"16\" y=\"48\" fill=\"#59636e\">{}</text>\n",
        escape(subtitle),
    );
    legend(&mut text);
    for (part, label) in [(0.5, "half"), (1.0, "Kamailio = 100 %")] {
        let x = LEFT + part * scale;
        let _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{top}\" stroke=\"#8c959f\" stroke-dasharray=\"3 4\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#59636e\">{label}</text>",
            HEAD - 6.0,
            top + 16.0,
        );
    }
    text.push_str(&body);
    text.push_str("</svg>\n");
    text
}

fn legend(text: &mut String) {
    let mut x = LEFT;
    for (color, label) in [
        (OURS, "Bellhop"),
        (THEIRS, "Kamailio"),
        (FLOOR, "kernel floor"),
    ] {
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"62\" width=\"12\" height=\"12\" fill=\"{color}\"/>\
             <text x=\"{}\" y=\"73\">{label}</text>",
            x + 18.0
        );
        x += 110.0;
    }
}

fn draw_row(text: &mut String, row: &RowResult, top: f64, scale: f64) {
    let kamailio = row.kamailio.cpu_us;
    let _ = writeln!(
        text,
        "<text x=\"{0}\" y=\"{1}\" text-anchor=\"end\">{2}</text>\
         <text x=\"{0}\" y=\"{3}\" text-anchor=\"end\" font-size=\"11\" fill=\"#59636e\">{4} a second</text>",
        LEFT - 12.0,
        top + 20.0,
        escape(&row.title),
        top + 36.0,
        row.rate,
    );
    let ratio = row.ratio().unwrap_or_default();
    let bars = [
        (
            OURS,
            row.bellhop.cpu_us,
            format!("{:.1} µs ({ratio:.2})", row.bellhop.cpu_us),
        ),
        (THEIRS, kamailio, format!("{kamailio:.1} µs")),
        (
            FLOOR,
            row.floor.cpu_us,
            format!("{:.1} µs", row.floor.cpu_us),
        ),
    ];
    let mut y = top + 6.0;
    for (color, value, label) in bars.iter().filter(|(_, value, _)| *value > 0.0) {
        let width = value / kamailio * scale;
        let _ = writeln!(
            text,
            "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"{}\" font-size=\"11\" stroke=\"#ffffff\" stroke-width=\"3\" \
             paint-order=\"stroke\">{label}</text>",
            LEFT + width + 6.0,
            y + BAR - 2.0,
        );
        y += BAR + 2.0;
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

const OURS: &str = "#0969da";
const THEIRS: &str = "#d1843a";
const FLOOR: &str = "#afb8c1";
const WIDTH: f64 = 860.0;
/// Where bars begin.
const LEFT: f64 = 280.0;
/// The longest bar; its label stands right of it.
const BAR_WIDTH: f64 = 470.0;
const BAR: f64 = 12.0;
const ROW_HEIGHT: f64 = 56.0;
const HEAD: f64 = 92.0;
const FOOT: f64 = 30.0;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "helpers of tests")]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    fn row(bellhop: f64, kamailio: f64, floor: f64) -> RowResult {
        let mut row = RowResult::of(&ROWS[1]);
        row.bellhop.cpu_us = bellhop;
        row.kamailio.cpu_us = kamailio;
        row.floor.cpu_us = floor;
        row
    }

    /// The widths of the bars of one colour.
    fn widths(svg: &str, color: &str) -> Vec<f64> {
        let of_color = format!("height=\"{BAR}\" fill=\"{color}\"");
        let bars = svg
            .lines()
            .filter(|line| line.starts_with("<rect") && line.contains(&of_color));
        let width = |line: &str| {
            let from = line.split("width=\"").nth(1)?;
            from.split('"').next()?.parse().ok()
        };
        // The legend's squares are as high; they stand above the rows.
        bars.filter(|line| !line.contains("y=\"62\""))
            .filter_map(width)
            .collect()
    }

    #[test]
    fn kamailio_is_the_measure_of_every_row() {
        let svg = render(&[row(26.0, 52.0, 13.0), row(200.0, 200.0, 50.0)], "x");
        assert_eq!(widths(&svg, THEIRS), [470.0, 470.0]);
        assert_eq!(widths(&svg, OURS), [235.0, 470.0]);
        assert_eq!(widths(&svg, FLOOR), [117.5, 117.5]);
    }

    #[test]
    fn the_longest_bar_fits_when_it_is_ours() {
        let svg = render(&[row(104.0, 52.0, 0.0)], "x");
        assert_eq!(widths(&svg, OURS), [470.0]);
        assert_eq!(widths(&svg, THEIRS), [235.0]);
        assert_eq!(widths(&svg, FLOOR), [0.0; 0]);
    }

    #[test]
    fn a_row_that_misses_a_server_is_left_out_and_text_is_escaped() {
        let svg = render(&[row(26.0, 0.0, 13.0)], "a < b & c");
        assert!(widths(&svg, OURS).is_empty());
        assert!(svg.contains("a &lt; b &amp; c"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
