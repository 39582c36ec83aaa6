/*
 * ngx_http_shop_heap.c - memory that malloc() keeps for the next request, and
 * the kernel's share of it.
 */
#include <malloc.h>

#include "ngx_http_shop.h"

#define NGX_HTTP_SHOP_HEAP_KEPT   (4 * 1024 * 1024)
#define NGX_HTTP_SHOP_HEAP_SPARE  (8 * 1024 * 1024)
#define NGX_HTTP_SHOP_HEAP_LOOK   30000         /* ms */

#ifdef M_MMAP_THRESHOLD

static ngx_event_t  look;


/* What many slow clients have held lies free between what is used, page by
 * page; others like them would touch other pages of it, and so on until each
 * page of the most that was ever held is there. A hundred megabytes take the
 * kernel ten milliseconds. */
static void
give_back(ngx_event_t *ev)
{
    if (mallinfo2().fordblks > NGX_HTTP_SHOP_HEAP_SPARE) {
        (void) malloc_trim(NGX_HTTP_SHOP_HEAP_KEPT);
    }

    ngx_add_timer(ev, NGX_HTTP_SHOP_HEAP_LOOK);
}


/* A large body's memory goes back to malloc() with its request. Given back to
 * the kernel at once it would come anew, page by page, for the next: ten times
 * what all else costs about such a request. */
void
ngx_http_shop_heap(ngx_cycle_t *cycle)
{
    (void) mallopt(M_MMAP_THRESHOLD, NGX_HTTP_SHOP_HEAP_KEPT);
    (void) mallopt(M_TRIM_THRESHOLD, NGX_HTTP_SHOP_HEAP_KEPT);

    look.handler = give_back;
    look.data = &ngx_http_shop_no_connection;
    look.log = cycle->log;
    look.cancelable = 1;
    ngx_add_timer(&look, NGX_HTTP_SHOP_HEAP_LOOK);
}

#else


void
ngx_http_shop_heap(ngx_cycle_t *cycle)
{
    (void) cycle;
}

#endif
