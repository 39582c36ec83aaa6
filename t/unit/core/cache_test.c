/*
 * cache_test.c - the shared memory: layout, slots, counters, entries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cache_fixture.h"
#include "core/env.h"


static const cache_tag_t no_tags[1];


/* --- layout and slots ---------------------------------------------------- */


static int
no_random(void *buf, size_t n)
{
    (void) buf;
    (void) n;
    return -1;
}


static void
refuses_memory_it_cannot_use(void **state)
{
    struct fixture  *f = *state;
    struct cache     c;
    char            *m = f->memory;
    unsigned         n = f->cache.n_slots;
    int            (*random)(void *, size_t) = shop_env.random;

    assert_int_equal(cache_attach(&c, m, cache_size_min(2) - 1, 1, 0, 2),
                     SHOP_E_CONF);
    assert_int_equal(cache_attach(&c, m, FIXTURE_SIZE, 0, 2, 2), SHOP_E_CONF);
    assert_int_equal(cache_attach(&c, m, FIXTURE_SIZE, 0, 0, 0), SHOP_E_CONF);
    assert_int_equal(cache_attach(&c, m, FIXTURE_SIZE, 0, 0, 1000),
                     SHOP_E_CONF);
    assert_int_equal(cache_attach(&c, m, FIXTURE_SIZE - 64, 0, 0, 2),
                     SHOP_E_CONF);

    /* Two slots for each worker. */
    assert_int_equal(cache_attach(&c, m, FIXTURE_SIZE, 0, 0, n / 2), SHOP_OK);
    assert_int_equal(cache_attach(&c, m, FIXTURE_SIZE, 0, 0, n / 2 + 1),
                     SHOP_E_CONF);

    f->cache.map->layout++;
    assert_int_equal(cache_attach(&c, m, FIXTURE_SIZE, 0, 0, 2), SHOP_E_CONF);
    f->cache.map->layout--;

    shop_env.random = no_random;
    assert_int_equal(cache_attach(&c, m, FIXTURE_SIZE, 1, 0, 2), SHOP_E_IO);
    shop_env.random = random;
}


static void
works_in_the_smallest_memory_at_any_address(void **state)
{
    struct cache  c;
    size_t        size = cache_size_min(1);
    char         *memory = calloc(1, size + 8);
    char          error[100];

    (void) state;
    assert_int_equal(cache_attach(&c, memory + 8, size, 1, 0, 1), SHOP_OK);
    assert_int_equal(cache_adopt(&c), SHOP_OK);
    assert_true(put(&c, "a", "1", no_tags, 0));
    assert_true((char *) c.shards + CACHE_SHARDS * c.shard_size
                <= memory + 8 + size);
    assert_int_equal(cache_check(&c, error, sizeof(error)), 0);
    free(memory);
}


static void
has_room_for_so_many_workers_more(void **state)
{
    struct cache  c, more[CACHE_SLOTS];
    size_t        size = cache_size_min(1);
    char         *memory = calloc(1, size);
    unsigned      i, n;

    (void) state;
    assert_int_equal(cache_room(memory, size, 1), SHOP_OK);
    assert_int_equal(cache_attach(&c, memory, size, 1, 0, 1), SHOP_OK);
    n = c.n_slots;
    assert_int_equal(cache_room(memory, size, n / 2), SHOP_OK);
    assert_int_equal(cache_room(memory, size, n / 2 + 1), SHOP_E_CONF);
    assert_int_equal(cache_attach(&c, memory, size, 0, 0, n / 2 + 1),
                     SHOP_E_CONF);
    assert_int_equal(cache_room(memory, size - 64, 1), SHOP_E_CONF);

    for (i = 0; i < n - 1; i++) {
        more[i] = c;
        assert_int_equal(cache_adopt(&more[i]), SHOP_OK);
    }

    assert_int_equal(cache_room(memory, size, 1), SHOP_OK);
    assert_int_equal(cache_room(memory, size, 2), SHOP_E_BUSY);
    free(memory);
}


static void
where_there_is_memory_there_are_more_slots(void **state)
{
    struct cache  c;
    size_t        size = 64 << 20;
    char         *memory = calloc(1, size);

    (void) state;
    assert_int_equal(cache_attach(&c, memory, size, 1, 0, 1), SHOP_OK);
    assert_int_equal(cache_room(memory, size, 59), SHOP_OK);
    assert_true(c.n_slots * sizeof(struct cache_slot) <= size / 16);
    free(memory);
}


static void
count_and_end(struct cache *c)
{
    cache_counters(c)[COUNT_REQUESTS] += 7;
    cache_counters(c)[COUNT_TX_OPEN] = 3;
    cache_route_counters(c)[5].us += 11;
}


static void
count_and_stay(struct cache *c)
{
    count_and_end(c);
    child_stay();
}


static void
counters_outlive_their_process(void **state)
{
    struct fixture  *f = *state;
    struct child     ch;

    assert_non_null(cache_counters_of(&f->cache, 0));
    assert_null(cache_counters_of(&f->cache, 1));
    assert_null(cache_routes_of(&f->cache, f->cache.n_slots));

    ch = child_start(f, 1, count_and_end);
    child_kill(&ch);
    assert_false(cache_slot_live(&f->cache, 1));

    ch = child_start(f, 1, count_and_stay);
    assert_true(cache_slot_live(&f->cache, 1));
    assert_int_equal(cache_counters_of(&f->cache, 1)[COUNT_REQUESTS], 14);
    assert_int_equal(cache_counters_of(&f->cache, 1)[COUNT_TX_OPEN], 3);
    assert_int_equal(cache_routes_of(&f->cache, 1)[5].us, 22);

    child_kill(&ch);
    assert_int_equal(cache_reap(&f->cache), 1);
    assert_int_equal(cache_reap(&f->cache), 0);
    assert_int_equal(cache_counters_of(&f->cache, 1)[COUNT_REQUESTS], 14);
    assert_int_equal(cache_counters_of(&f->cache, 1)[COUNT_TX_OPEN], 0);
}


static void
a_slot_is_its_owners_while_it_lives(void **state)
{
    struct fixture  *f = *state;
    struct child     old = child_start(f, 1, count_and_stay);
    struct child     new = child_start(f, 1, count_and_stay);

    /* Slots 1, 3, 5 ... are worker 1's of two. */
    assert_int_equal(cache_counters_of(&f->cache, 1)[COUNT_REQUESTS], 7);
    assert_int_equal(cache_counters_of(&f->cache, 3)[COUNT_REQUESTS], 7);

    child_kill(&old);
    old = child_start(f, 1, count_and_stay);
    assert_int_equal(cache_counters_of(&f->cache, 1)[COUNT_REQUESTS], 14);
    assert_null(cache_counters_of(&f->cache, 5));

    child_kill(&old);
    child_kill(&new);
}


static void
leaving_gives_the_slot_back(void **state)
{
    struct fixture  *f = *state;
    struct cache     more[CACHE_SLOTS];
    unsigned         i, n = f->cache.n_slots;

    for (i = 1; i < n; i++) {
        more[i] = f->cache;
        assert_int_equal(cache_adopt(&more[i]), SHOP_OK);
    }

    more[0] = f->cache;
    assert_int_equal(cache_adopt(&more[0]), SHOP_E_BUSY);
    cache_leave(&more[0]);
    cache_leave(&more[1]);
    assert_int_equal(cache_adopt(&more[0]), SHOP_OK);
    assert_true(more[0].own != f->cache.own);
}


/* --- entries ------------------------------------------------------------- */


static void
gives_back_what_was_put(void **state)
{
    struct fixture      *f = *state;
    struct cache_key     k;
    struct cache_entry   e = {
        .status = 404, .born = cache_clock(&f->cache), .expires_ms = 1001,
        .stored_ms = 900, .head = { "a\0b", 3 }, .body = { "body", 4 }
    };

    assert_int_equal(get(f, "key"), CACHE_MISS);

    cache_key_init(&f->cache, &k, "key", 3);
    assert_true(cache_put(&f->cache, &k, &e));
    assert_body(f, "key", "body");

    assert_int_equal(f->out.status, 404);
    assert_int_equal(f->out.born, e.born);
    assert_int_equal(f->out.expires_ms, 1001);
    assert_int_equal(f->out.stored_ms, 900);
    assert_int_equal(f->out.head.len, 3);
    assert_memory_equal(f->out.head.data, "a\0b", 3);
    assert_ptr_equal(f->out.body.data, f->out.head.data + 3);

    assert_int_equal(get(f, "ke"), CACHE_MISS);
    assert_int_equal(get(f, "key2"), CACHE_MISS);

    /* The last one stored counts. */
    assert_true(put(&f->cache, "key", "", no_tags, 0));
    assert_body(f, "key", "");
}


static void
compares_the_whole_key(void **state)
{
    struct fixture      *f = *state;
    struct cache_key     k;
    struct cache_entry   out;

    assert_true(put(&f->cache, "one", "1", no_tags, 0));
    cache_key_init(&f->cache, &k, "one", 3);
    k.text = "two";
    assert_int_equal(cache_get(&f->cache, &k, 1000, 0, fixture_alloc, f,
                               &out), CACHE_MISS);
}


static void
misses_when_memory_is_short(void **state)
{
    struct fixture *f = *state;

    assert_true(put(&f->cache, "key", "body", no_tags, 0));
    f->answer_size = 7;
    assert_int_equal(get(f, "key"), CACHE_MISS);
    f->answer_size = 8;
    assert_body(f, "key", "body");
}


static void
entries_expire(void **state)
{
    struct fixture      *f = *state;
    struct cache_key     k;
    struct cache_entry   e = {
        .born = cache_clock(&f->cache), .expires_ms = 1000,
        .stored_ms = 900
    };

    cache_key_init(&f->cache, &k, "key", 3);
    assert_true(cache_put(&f->cache, &k, &e));
    assert_int_equal(cache_get(&f->cache, &k, 999, 0, fixture_alloc, f, &e),
                     CACHE_FRESH);
    assert_int_equal(cache_get(&f->cache, &k, 1000, 0, fixture_alloc, f, &e),
                     CACHE_MISS);
    assert_int_equal(cache_get(&f->cache, &k, 1000, 60000, fixture_alloc, f,
                               &e), CACHE_MISS);
}


static enum cache_state
get_at(struct fixture *f, uint64_t now_ms, uint32_t max_stale_ms)
{
    struct cache_key k;

    cache_key_init(&f->cache, &k, "key", 3);

    return cache_get(&f->cache, &k, now_ms, max_stale_ms, fixture_alloc, f,
                     &f->out);
}


static void
serves_old_answers_without_a_lease(void **state)
{
    struct fixture  *f = *state;
    cache_tag_t      tag = tag_of("product:1");

    assert_true(put(&f->cache, "key", "body", &tag, 1));
    cache_lease_set(&f->cache, 6000);
    assert_int_equal(get_at(f, 5000, 60000), CACHE_FRESH);

    /* Seen fresh at 5000, the lease gone at 6000. */
    assert_int_equal(get_at(f, 6000, 0), CACHE_MISS);
    assert_int_equal(get_at(f, 6000, 1000), CACHE_OLD);
    assert_int_equal(get_at(f, 6001, 1000), CACHE_MISS);
    assert_int_equal(f->out.body.len, 4);

    cache_hold(&f->cache, &tag, 1);
    assert_int_equal(get_at(f, 6000, 1000), CACHE_MISS);
    cache_release(&f->cache, &tag, 1, 1);
    assert_int_equal(get_at(f, 6000, 1000), CACHE_MISS);
}


static void
refuses_what_is_too_big(void **state)
{
    struct fixture      *f = *state;
    struct cache_key     k;
    struct cache_entry   e = { .born = cache_clock(&f->cache) };
    cache_tag_t          tags[CACHE_MAX_TAGS + 1] = { 0 };
    char                *text = calloc(1, CACHE_MAX_BODY + 1);

    cache_key_init(&f->cache, &k, "key", 3);
    e.tags = tags;
    e.n_tags = CACHE_MAX_TAGS;
    assert_true(cache_put(&f->cache, &k, &e));
    e.n_tags++;
    assert_false(cache_put(&f->cache, &k, &e));

    e.n_tags = 0;
    e.body = (shop_str_t) { text, f->cache.shard_size / 5 };
    assert_true(cache_put(&f->cache, &k, &e));
    e.body.len = f->cache.shard_size / 4;
    assert_false(cache_put(&f->cache, &k, &e));
    e.body.len = CACHE_MAX_BODY + 1;
    assert_false(cache_put(&f->cache, &k, &e));
    free(text);
}


/* Many times the memory in entries of all sizes: whatever is found is right,
 * the last ones are found, and the map stays whole. */
static void
wraps_around(void **state)
{
    struct fixture  *f = *state;
    static char      body[20001];
    char             key[32], error[100];
    unsigned         i, j, found = 0;

    srandom(1);

    for (i = 0; i < 20000; i++) {
        j = (unsigned) random() % (sizeof(body) - 1);
        memset(body, 'a' + (int) (i % 26), j);
        body[j] = '\0';
        snprintf(key, sizeof(key), "key%u", i);
        assert_true(put(&f->cache, key, body, no_tags, 0));
        assert_body(f, key, body);

        if (i % 1000 == 0) {
            assert_int_equal(cache_check(&f->cache, error, sizeof(error)), 0);
        }
    }

    for (i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "key%u", i);

        if (get(f, key) == CACHE_FRESH) {
            found++;
            assert_true(f->out.body.len == 0
                        || f->out.body.data[0] == 'a' + (int) (i % 26));
        }
    }

    assert_in_range(found, 1500, 2200);
}


static void
what_is_asked_for_stays(void **state)
{
    struct fixture  *f = *state;
    char             key[32], text[1000];
    unsigned         i;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';

    assert_true(put(&f->cache, "hot", "body", no_tags, 0));
    assert_true(put(&f->cache, "cold", "body", no_tags, 0));

    for (i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "key%u", i);
        assert_true(put(&f->cache, key, text, no_tags, 0));
        if (i % 100 == 0) {
            assert_body(f, "hot", "body");
        }
    }

    assert_int_equal(get(f, "cold"), CACHE_MISS);
}


static void
begins_anew_when_positions_are_used_up(void **state)
{
    struct fixture    *f = *state;
    struct cache_key   k;
    struct shard      *s;

    cache_key_init(&f->cache, &k, "key", 3);
    s = cache_shard_of(&f->cache, &k);
    s->head = POSITION_MAX - s->ring_size;
    assert_true(put(&f->cache, "key", "body", no_tags, 0));
    assert_body(f, "key", "body");
    assert_int_equal(s->wipes, 1);
}


/* Killed while it writes the shard of "key". */
static void
die_in_mid_write(struct cache *c)
{
    struct cache_key   k;
    struct shard      *s;

    cache_key_init(c, &k, "key", 3);
    s = cache_shard_of(c, &k);
    (void) shard_lock(c, s);
    shm_write_begin(&s->lock);
    memset(shard_bucket(s, k.hash), 0xff, sizeof(struct bucket));
    memset(s->claim, 0xff, sizeof(s->claim));
    s->head = 12345;
    child_stay();
}


static void
wipes_a_half_written_shard(void **state)
{
    struct fixture    *f = *state;
    struct cache_key   k;
    char               key[32];
    unsigned           i, left = 0;
    struct child       ch;

    for (i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "key%u", i);
        assert_true(put(&f->cache, key, "body", no_tags, 0));
    }

    assert_true(put(&f->cache, "key", "body", no_tags, 0));
    cache_key_init(&f->cache, &k, "key", 3);

    ch = child_start(f, 1, die_in_mid_write);

    /* While it lives nobody waits for it for long. */
    assert_int_equal(get(f, "key"), CACHE_MISS);
    assert_false(put(&f->cache, "key", "body", no_tags, 0));
    assert_true(cache_fill_begin(&f->cache, &k, 0, 1000));

    child_stop(&ch);
    assert_int_equal(get(f, "key"), CACHE_MISS);
    child_kill(&ch);
    assert_int_equal(cache_shard_of(&f->cache, &k)->wipes, 1);
    assert_true(put(&f->cache, "key", "new", no_tags, 0));
    assert_body(f, "key", "new");
    assert_true(cache_fill_begin(&f->cache, &k, 0, 1000));

    /* The other shards have lost nothing. */
    for (i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "key%u", i);
        left += get(f, key) == CACHE_FRESH;
    }

    assert_in_range(left, 950, 999);
}


static void
put_one(struct cache *c)
{
    if (!put(c, "key", "from another process", no_tags, 0)) {
        _Exit(1);
    }
}


static void
processes_share_entries(void **state)
{
    struct fixture  *f = *state;
    struct child     ch = child_start(f, 1, put_one);

    assert_body(f, "key", "from another process");
    child_kill(&ch);
}


static void
check_finds_damage(void **state)
{
    struct fixture    *f = *state;
    struct cache_key   k;
    struct shard      *s;
    struct entry      *e;
    char               error[100] = "";

    assert_true(put(&f->cache, "key", "body", no_tags, 0));
    cache_key_init(&f->cache, &k, "key", 3);
    s = cache_shard_of(&f->cache, &k);
    e = shard_entry(s, s->ring_size);

    assert_int_equal(cache_check(&f->cache, error, sizeof(error)), 0);
    e->born ^= 1;
    assert_int_equal(cache_check(&f->cache, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "checksum"));
    e->born ^= 1;

    e->size += 16;
    assert_int_equal(cache_check(&f->cache, error, sizeof(error)), -1);
    e->size -= 16;

    f->cache.stamps[5] = STAMP_HOLD;
    assert_int_equal(cache_check(&f->cache, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "holds"));
    f->cache.stamps[5] = 0;
}


int core_cache_tests(void);


int
core_cache_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CACHE(refuses_memory_it_cannot_use),
        cmocka_unit_test(works_in_the_smallest_memory_at_any_address),
        cmocka_unit_test(has_room_for_so_many_workers_more),
        cmocka_unit_test(where_there_is_memory_there_are_more_slots),
        WITH_CACHE(counters_outlive_their_process),
        WITH_CACHE(a_slot_is_its_owners_while_it_lives),
        WITH_CACHE(leaving_gives_the_slot_back),
        WITH_CACHE(gives_back_what_was_put),
        WITH_CACHE(compares_the_whole_key),
        WITH_CACHE(misses_when_memory_is_short),
        WITH_CACHE(entries_expire),
        WITH_CACHE(serves_old_answers_without_a_lease),
        WITH_CACHE(refuses_what_is_too_big),
        WITH_CACHE(wraps_around),
        WITH_CACHE(what_is_asked_for_stays),
        WITH_CACHE(begins_anew_when_positions_are_used_up),
        WITH_CACHE(wipes_a_half_written_shard),
        WITH_CACHE(processes_share_entries),
        WITH_CACHE(check_finds_damage)
    };

    return cmocka_run_group_tests_name("core/cache", tests, NULL, NULL);
}
