# core/commit.c: tags are let go before the outcome of COMMIT is known
s/^    db_tx_commit(tx);$/    let_go(rq);\n&/
