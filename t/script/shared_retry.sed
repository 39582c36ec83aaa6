# core/db_read.c: what a neighbour aborted is sent again with neighbours
s/^    e->alone = l == e->lane .*;$/    e->alone = e->call.name == NULL;/
