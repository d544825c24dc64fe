//! Charts as SVG. They hold numbers and times, never a text of the log.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::collect::Shape;
use super::timeline::{Step, Timeline};
use crate::escape::{duration, number};

type Drawn = Result<String, Box<dyn std::error::Error>>;

const ALLOWED: RGBColor = RGBColor(0x4c, 0x78, 0xa8);
const DENIED: RGBColor = RGBColor(0xd1, 0x49, 0x5b);
const THROTTLED: RGBColor = RGBColor(0xed, 0xae, 0x49);
const OTHER: RGBColor = RGBColor(0x8d, 0x99, 0xa6);
/// Readable on light and on dark; the page's style sets texts.
const LINES: RGBColor = RGBColor(0x80, 0x80, 0x80);

/// All statements over time, or those that were refused.
pub(super) fn over_time(timeline: &Timeline, refused_only: bool) -> Drawn {
    let steps = timeline.steps();
    let parts = |step: &Step| -> Vec<(RGBColor, u64)> {
        let refused = [(DENIED, step.denied), (THROTTLED, step.throttled)];
        if refused_only {
            return refused.to_vec();
        }
        [(ALLOWED, step.allowed), (OTHER, step.other)].into_iter().chain(refused).collect()
    };
    let most = steps.iter().map(|(_, step)| parts(step).iter().map(|(_, count)| *count).sum::<u64>()).max();
    let most = most.unwrap_or(0).max(4) as f64 * 1.05;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (1080, if refused_only { 180 } else { 250 })).into_drawing_area();
        let count = steps.len().max(1);
        let mut chart = ChartBuilder::on(&root)
            .margin(8)
            .x_label_area_size(26)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..count as f64, 0.0..most)?;
        let day = timeline.seconds() >= 43_200;
        let label = |at: &f64| {
            let found = steps.get(at.round() as usize);
            let form = if day { "%e %b %Y" } else { "%e %b %H:%M" };
            found.map(|(time, _)| time.format(form).to_string()).unwrap_or_default()
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(8)
            .y_labels(5)
            .x_label_formatter(&label)
            .y_label_formatter(&|value| if value.fract() == 0.0 { number(*value as u64) } else { String::new() })
            .label_style(("sans-serif", 13).into_font().color(&LINES))
            .axis_style(LINES.mix(0.6))
            .bold_line_style(LINES.mix(0.3))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (place, (_, step)) in steps.iter().enumerate() {
            let mut below = 0.0;
            for (colour, count) in parts(step).into_iter().filter(|(_, count)| *count > 0) {
                let above = below + count as f64;
                let (left, right) = (place as f64 + 0.08, place as f64 + 0.92);
                chart.draw_series([Rectangle::new([(left, below), (right, above)], colour.filled())])?;
                below = above;
            }
        }
        root.present()?;
    }
    Ok(svg)
}

/// The 95th percentile and the longest of each shape, under the numbers that the table beside it gives them.
pub(super) fn slowest(shapes: &[(&u64, &Shape)]) -> Drawn {
    let most = shapes.iter().map(|(_, shape)| shape.longest).max().unwrap_or(1).max(1) as f64;
    let rows = shapes.len().max(1);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (1080, 50 + 22 * rows as u32)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(8)
            .margin_right(90)
            .x_label_area_size(26)
            .y_label_area_size(40)
            .build_cartesian_2d(0.0..most, 0.0..rows as f64)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(0)
            .x_labels(6)
            .x_label_formatter(&|micros| duration(*micros as u64))
            .label_style(("sans-serif", 13).into_font().color(&LINES))
            .axis_style(LINES.mix(0.6))
            .bold_line_style(LINES.mix(0.3))
            .light_line_style(TRANSPARENT)
            .draw()?;
        let style = TextStyle::from(("sans-serif", 13).into_font()).color(&LINES);
        for (place, (_, shape)) in shapes.iter().enumerate() {
            let (low, high) = ((rows - place - 1) as f64 + 0.15, (rows - place) as f64 - 0.15);
            let end = shape.longest as f64;
            chart.draw_series([Rectangle::new([(0.0, low), (end, high)], OTHER.filled())])?;
            let usual = shape.percentile(95) as f64;
            chart.draw_series([Rectangle::new([(0.0, low), (usual, high)], ALLOWED.filled())])?;
            let middle = (low + high) / 2.0;
            let right = style.pos(Pos::new(HPos::Left, VPos::Center));
            let text = format!("#{} {}", place + 1, duration(shape.longest));
            chart.draw_series([Text::new(text, (end + most * 0.006, middle), right)])?;
        }
        root.present()?;
    }
    Ok(svg)
}
