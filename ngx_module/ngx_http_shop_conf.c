/*
 * ngx_http_shop_conf.c - what a directive accepts.
 *
 * A value that is wrong ends `nginx -t` with a sentence that says what is
 * allowed.  Returns NGX_CONF_OK, or NGX_CONF_ERROR after having logged it;
 * "is duplicate" is a sentence that nginx completes.
 */
#include "ngx_http_shop.h"

/* Less than 32 bytes would be weaker than the signatures made with it; more
 * than 4096 is likely the wrong file. */
#define NGX_HTTP_SHOP_SECRET_MIN  32
#define NGX_HTTP_SHOP_SECRET_MAX  4096

/* The secrets there are, by the name that shop_secret gives them. */
static const struct {
    ngx_str_t  name;
    size_t     offset;          /* of a shop_str_t [2] in shop_conf_t       */
} secrets[] = {
    { ngx_string("cursor"), offsetof(shop_conf_t, cursor_secret) }
};

#define N_SECRETS  (sizeof(secrets) / sizeof(secrets[0]))


/* Says what would be right, in the unit of the directive: the operator sees
 * this line and nothing else. */
static char *
out_of_bounds(ngx_conf_t *cf, const ngx_http_shop_bounds_t *b)
{
    ngx_str_t          *value = cf->args->elts;
    static const char  *sentences[] = {
        [NGX_HTTP_SHOP_NUMBER] =
            "\"%V\" must be a number from %uD to %uD, not \"%V\"",
        [NGX_HTTP_SHOP_SIZE] =
            "\"%V\" must be a size from %uDk to %uDk, not \"%V\"",
        [NGX_HTTP_SHOP_TIME] =
            "\"%V\" must be a time from %uDms to %uDms, not \"%V\""
    };

    ngx_uint_t  unit = b->kind == NGX_HTTP_SHOP_SIZE ? 1024 : 1;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, sentences[b->kind], &value[0],
                       (uint32_t) (b->low / unit), (uint32_t) (b->high / unit),
                       &value[1]);

    return NGX_CONF_ERROR;
}


/* A uint32_t at cmd->offset; cmd->post points at its bounds. */
char *
ngx_http_shop_set_value(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ssize_t                        n;
    uint32_t                      *field;
    ngx_str_t                     *value = cf->args->elts;
    const ngx_http_shop_bounds_t  *b = cmd->post;

    field = (uint32_t *) ((u_char *) conf + cmd->offset);

    if (*field != NGX_HTTP_SHOP_UNSET) {
        return "is duplicate";
    }

    switch (b->kind) {
    case NGX_HTTP_SHOP_TIME:
        n = ngx_parse_time(&value[1], 0);
        break;
    case NGX_HTTP_SHOP_SIZE:
        n = ngx_parse_size(&value[1]);
        break;
    default:
        n = ngx_atoi(value[1].data, value[1].len);
    }

    if (n == NGX_ERROR || n < (ssize_t) b->low || n > (ssize_t) b->high) {
        return out_of_bounds(cf, b);
    }

    *field = n;

    return NGX_CONF_OK;
}


/* A string that is not empty, NUL-terminated as all of nginx's arguments. */
char *
ngx_http_shop_set_string(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t   *value = cf->args->elts;
    const char **field = (const char **) ((u_char *) conf + cmd->offset);

    if (*field != NULL) {
        return "is duplicate";
    }

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must not be empty", &value[0]);
        return NGX_CONF_ERROR;
    }

    *field = (const char *) value[1].data;

    return NGX_CONF_OK;
}


/* HOST:PORT, the host perhaps an IPv6 address in brackets.  A name is
 * allowed: it is looked up on a thread. */
static ngx_uint_t
is_host_and_port(const ngx_str_t *s)
{
    size_t      i, len;
    u_char     *p = s->data, *last = s->data + s->len, *colon = NULL;
    ngx_int_t   port;

    for (i = 0; i < s->len; i++) {
        if (p[i] <= ' ' || p[i] == '/' || p[i] == ',') {
            return 0;
        }

        if (p[i] == ':') {
            colon = p + i;
        }
    }

    if (colon == NULL) {
        return 0;
    }

    port = ngx_atoi(colon + 1, last - colon - 1);
    len = colon - p;

    if (len != 0 && p[0] == '[') {
        return port > 0 && port < 65536 && len > 2 && p[len - 1] == ']';
    }

    return port > 0 && port < 65536 && len != 0
           && ngx_strlchr(p, colon, ':') == NULL;
}


char *
ngx_http_shop_set_memcached(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char       *rc;
    ngx_str_t  *value = cf->args->elts;

    rc = ngx_http_shop_set_string(cf, cmd, conf);
    if (rc != NGX_CONF_OK) {
        return rc;
    }

    if (value[1].data[0] != '/' && !is_host_and_port(&value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must be the path of a socket or HOST:PORT, "
                           "not \"%V\"", &value[0], &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* One of two words, into an int at cmd->offset; cmd->post points at them.
 * nginx's own setters write an ngx_uint_t, which is wider, and do not say what
 * would be right. */
char *
ngx_http_shop_set_choice(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    int                           *field;
    ngx_uint_t                     i;
    ngx_str_t                     *value = cf->args->elts;
    const ngx_http_shop_choice_t  *c = cmd->post;

    field = (int *) ((u_char *) conf + cmd->offset);

    if (*field != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    for (i = 0; i < 2; i++) {
        if (ngx_strcmp(value[1].data, c[i].word) == 0) {
            *field = c[i].value;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" must be %s or %s, not \"%V\"", &value[0],
                       c[0].word, c[1].word, &value[1]);

    return NGX_CONF_ERROR;
}


/* Whether the zone is large enough is known with the number of workers.  With
 * "off" there is one all the same, of the usual size: counters live in it. */
char *
ngx_http_shop_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ssize_t                     size;
    ngx_str_t                  *value = cf->args->elts;
    ngx_http_shop_main_conf_t  *smcf = conf;

    if (smcf->zone_size != 0 || smcf->shop.cache_off) {
        return "is duplicate";
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        smcf->shop.cache_off = 1;
        return NGX_CONF_OK;
    }

    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR || size < 1024 * 1024) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must be a size of 1m or more, or off, "
                           "not \"%V\"", &value[0], &value[1]);
        return NGX_CONF_ERROR;
    }

    smcf->zone_size = ngx_align(size, ngx_pagesize);

    return NGX_CONF_OK;
}


/* rate=NUMBERr/s or r/m, as nginx's own limit_req_zone has it; a minute. */
static uint32_t
rate_of(const ngx_str_t *s)
{
    ngx_int_t   n;
    ngx_uint_t  unit;

    if (s->len < 9 || ngx_strncmp(s->data, "rate=", 5) != 0
        || ngx_strncmp(s->data + s->len - 3, "r/", 2) != 0)
    {
        return 0;
    }

    unit = s->data[s->len - 1] == 's' ? 60 : s->data[s->len - 1] == 'm';
    n = ngx_atoi(s->data + 5, s->len - 8);

    return n > 0 && n <= SHOP_LIMIT_RATE_MAX ? n * unit : 0;
}


static uint32_t
burst_of(const ngx_str_t *s)
{
    ngx_int_t  n;

    if (s->len < 7 || ngx_strncmp(s->data, "burst=", 6) != 0) {
        return 0;
    }

    n = ngx_atoi(s->data + 6, s->len - 6);

    return n > 0 && n <= SHOP_LIMIT_BURST_MAX ? n : 0;
}


/* shop_limit address|key|guess rate=RATE burst=NUMBER */
char *
ngx_http_shop_set_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_uint_t                  i;
    ngx_str_t                  *value = cf->args->elts;
    shop_limit_t                limit;
    ngx_http_shop_main_conf_t  *smcf = conf;
    static const char          *names[SHOP_LIMIT_COUNT] = {
        [SHOP_LIMIT_ADDRESS] = "address",
        [SHOP_LIMIT_KEY] = "key",
        [SHOP_LIMIT_GUESS] = "guess"
    };

    for (i = 0; i < SHOP_LIMIT_COUNT; i++) {
        if (ngx_strcmp(value[1].data, names[i]) == 0) {
            break;
        }
    }

    limit.per_minute = rate_of(&value[2]);
    limit.burst = burst_of(&value[3]);

    if (i == SHOP_LIMIT_COUNT || limit.per_minute == 0 || limit.burst == 0
        || limit.per_minute > SHOP_LIMIT_RATE_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must be address, key or guess, then "
                           "rate=1r/m to rate=10000r/s and burst=1 to "
                           "burst=100000, not \"%V %V %V\"", &value[0],
                           &value[1], &value[2], &value[3]);
        return NGX_CONF_ERROR;
    }

    if (smcf->shop.limit[i].per_minute != 0) {
        return "is duplicate";
    }

    smcf->shop.limit[i] = limit;

    return NGX_CONF_OK;
}


/* Only the name is noted here: a reference creates the pool's record, and a
 * thread_pool directive may stand later in the file. The threads start with
 * the workers. */
char *
ngx_http_shop_set_pool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                  *value = cf->args->elts;
    ngx_http_shop_main_conf_t  *smcf = conf;

    if (smcf->thread_pool != NULL) {
        return "is duplicate";
    }

    /* A pool that no thread_pool directive declares is nginx's to report. */
    smcf->thread_pool = ngx_thread_pool_add(cf, &value[1]);

    return smcf->thread_pool ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* What the location is: cmd->post points at its content handler. */
char *
ngx_http_shop_set_location(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_handler_pt        *handler = cmd->post;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_shop_loc_conf_t   *slcf = conf;
    ngx_http_shop_main_conf_t  *smcf;

    if (slcf->handler == *handler) {
        return "is duplicate";
    }

    if (slcf->handler != NULL) {
        return "cannot share a location with another directive of the shop";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = *handler;
    slcf->handler = *handler;

    /* nginx's own errors need no shop to take its shape. */
    if (*handler != ngx_http_shop_problem_handler) {
        smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_shop_module);
        smcf->used = 1;
    }

    return NGX_CONF_OK;
}


/* --- secrets ------------------------------------------------------------- */


/* Reads `fd` whole.  A secret is never logged, nor how much of it matched. */
static char *
secret_read(ngx_conf_t *cf, ngx_str_t *path, ngx_fd_t fd, shop_str_t *secret)
{
    u_char           *data;
    ssize_t           n;
    ngx_file_info_t   fi;

    data = ngx_pnalloc(cf->pool, NGX_HTTP_SHOP_SECRET_MAX + 1);
    if (data == NULL || ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, data, NGX_HTTP_SHOP_SECRET_MAX + 1);

    if (n < NGX_HTTP_SHOP_SECRET_MIN || n > NGX_HTTP_SHOP_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, n == -1 ? ngx_errno : 0,
                           "a secret must be a file of %d to %d bytes: \"%V\"",
                           NGX_HTTP_SHOP_SECRET_MIN, NGX_HTTP_SHOP_SECRET_MAX,
                           path);
        return NGX_CONF_ERROR;
    }

    if (ngx_file_access(&fi) & (S_IROTH|S_IWOTH)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the secret \"%V\" is open to every user", path);
    }

    secret->data = (const char *) data;
    secret->len = n;

    return NGX_CONF_OK;
}


/* At every reload, in the master, as the user that started nginx: so the file
 * may be closed to the workers, and is never read by them. */
static char *
secret_load(ngx_conf_t *cf, ngx_str_t *path, shop_str_t *secret)
{
    char      *rc;
    ngx_fd_t   fd;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "the secret \"%V\" cannot be read", path);
        return NGX_CONF_ERROR;
    }

    rc = secret_read(cf, path, fd, secret);
    (void) ngx_close_file(fd);

    return rc;
}


/* shop_secret NAME FILE [FILE]: the second is the key before, which is
 * accepted still. */
char *
ngx_http_shop_set_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                  *value = cf->args->elts;
    ngx_uint_t                  i;
    shop_str_t                 *secret;
    ngx_http_shop_main_conf_t  *smcf = conf;

    for (i = 0; i < N_SECRETS; i++) {
        if (value[1].len == secrets[i].name.len
            && ngx_strcmp(value[1].data, secrets[i].name.data) == 0)
        {
            break;
        }
    }

    if (i == N_SECRETS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "there is no secret \"%V\"; there is \"cursor\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    secret = (shop_str_t *) ((u_char *) &smcf->shop + secrets[i].offset);

    if (secret[0].data != NULL) {
        return "is duplicate";
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (secret_load(cf, &value[i], &secret[i - 2]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
