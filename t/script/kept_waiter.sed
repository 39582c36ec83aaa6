# core/db_tx.c: who leaves while COMMIT is under way is told of it all the same
/^db_tx_end(/,/^}/ s/^    forget(&tx->wait);$/    (void) forget;/
