/*
 * banned.h - functions that do not compile here, and what to use instead.
 */
#ifndef SHOP_BANNED_H
#define SHOP_BANNED_H

#include <stdio.h>
#include <string.h>

#define BANNED(f)  use_of_##f##_is_banned

#undef strcpy
#define strcpy(a, b)    BANNED(strcpy)          /* memcpy, arena_copy        */
#undef strcat
#define strcat(a, b)    BANNED(strcat)          /* buf_add                   */
#undef strncpy
#define strncpy(a, b, n)  BANNED(strncpy)
#undef strtok
#define strtok(a, b)    BANNED(strtok)
#undef sprintf
#define sprintf(...)    BANNED(sprintf)         /* snprintf, text_of         */
#undef vsprintf
#define vsprintf(...)   BANNED(vsprintf)

#endif
