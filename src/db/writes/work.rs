//! Several statements that are one: all of them or none.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::handle::{ReadWrite, Runner};
use super::super::transaction::Transaction;
use super::super::transaction_options::TransactionOptions;
use super::super::transaction_state::TransactionState;
use crate::error::Result;
use crate::statement::Isolation;

/// A transaction of its own, or the caller's.
pub(super) struct Work {
    runner: Arc<Runner>,
    own: Option<Transaction<ReadWrite>>,
    half: Option<Half>,
}

/// The part of it that was sent within a caller's transaction. Should the rest not follow, because a statement failed, a hook refused it
/// or the caller went away, the transaction is lost: committing it would keep half.
struct Half {
    transaction: Arc<TransactionState>,
    sent: bool,
}

impl Drop for Half {
    fn drop(&mut self) {
        if self.sent {
            self.transaction.lose();
        }
    }
}

impl Work {
    pub(super) async fn begin(runner: &Arc<Runner>) -> Result<Work> {
        Work::begin_with(runner, None).await
    }

    /// A transaction of its own is isolated so.
    pub(super) async fn begin_with(runner: &Arc<Runner>, isolation: Option<Isolation>) -> Result<Work> {
        if let Some(transaction) = &runner.transaction {
            let half = Half { transaction: Arc::clone(transaction), sent: false };
            return Ok(Work { runner: Arc::clone(runner), own: None, half: Some(half) });
        }
        let options = TransactionOptions::new();
        let options = match isolation {
            Some(isolation) => options.isolation(isolation),
            None => options,
        };
        let own = Transaction::<ReadWrite>::begin(runner, &options, 1).await?;
        if let Some(transaction) = &own.runner().transaction {
            transaction.one_write.store(true, Ordering::SeqCst);
        }
        Ok(Work { runner: Arc::clone(own.runner()), own: Some(own), half: None })
    }

    /// What its statements run on.
    pub(super) fn runner(&self) -> &Arc<Runner> {
        &self.runner
    }

    /// Something was written.
    pub(super) fn sent(&mut self) {
        if let Some(half) = &mut self.half {
            half.sent = true;
        }
    }

    /// Keeps what was done if it went well.
    pub(super) async fn end<T>(self, result: Result<T>) -> Result<T> {
        let Work { own, half, .. } = self;
        match (own, result) {
            (Some(own), Ok(value)) => {
                own.commit().await?;
                Ok(value)
            }
            (Some(own), Err(error)) => {
                // The statement's error is what the caller needs. A rollback that fails closes the session, which rolls back too.
                let _ = own.rollback().await;
                Err(error)
            }
            (None, Ok(value)) => {
                if let Some(mut half) = half {
                    half.sent = false;
                }
                Ok(value)
            }
            (None, Err(error)) => Err(error),
        }
    }
}
