#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::value::Value;

fn row(columns: &Arc<Columns>, value: i64) -> Row {
    Row::new(Arc::clone(columns), vec![Value::Int(value)])
}

fn columns() -> Arc<Columns> {
    Arc::new(Columns { names: vec!["n".to_owned()], types: vec![None] })
}

#[tokio::test]
async fn batches_arrive_full_and_the_rest_after_the_last_flush() {
    let (sender, mut receiver) = mpsc::channel(8);
    let mut sink: BatchSink<ToSerde<i64>> = BatchSink::new(2, sender);
    let columns = columns();
    sink.columns(&columns).unwrap();
    for value in 0..5 {
        if sink.row(&row(&columns, value)).unwrap() == Flow::Flush {
            sink.flush().await.unwrap();
        }
    }
    sink.flush().await.unwrap();
    sink.flush().await.unwrap();
    drop(sink);
    let mut batches = Vec::new();
    while let Some(batch) = receiver.recv().await {
        batches.push(batch);
    }
    assert_eq!(batches, [vec![0, 1], vec![2, 3], vec![4]]);
}

#[tokio::test]
async fn a_dropped_stream_cancels() {
    let (sender, receiver) = mpsc::channel(8);
    let mut sink: BatchSink<ToOwnedRow> = BatchSink::new(1, sender);
    let columns = columns();
    sink.columns(&columns).unwrap();
    assert_eq!(sink.row(&row(&columns, 1)).unwrap(), Flow::Flush);
    drop(receiver);
    assert_eq!(sink.flush().await.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_sink_comes_back_as_what_it_was() {
    let columns = columns();
    let mut sink: Box<dyn RowSink> = Box::new(RowsSink::new());
    sink.columns(&columns).unwrap();
    sink.row(&row(&columns, 7)).unwrap();
    let rows = take_back::<RowsSink>(sink).unwrap().into_rows();
    assert_eq!(rows.get(0).unwrap().try_get::<i64>("n").unwrap(), 7);
    assert_eq!(
        take_back::<CountSink>(Box::new(RowsSink::new())).map(|it| it.rows()).unwrap_err().kind(),
        ErrorKind::Internal
    );
}
