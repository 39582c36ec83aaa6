/*
 * coro_switch.S - leave one stack, enter another.
 *
 *     void shop_coro_switch(void **from, void *to);
 *
 * Saves what the ABI says a callee keeps, stores the stack pointer in *from
 * and continues where `to` was left.  Control words of the floating point
 * units are not saved: nothing here changes them.
 */
#include "config.h"

#if SHOP_CORO_ASM

#if defined(__x86_64__)

        .text
        .globl  shop_coro_switch
        .hidden shop_coro_switch
        .type   shop_coro_switch, @function
shop_coro_switch:
        .cfi_startproc
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .cfi_endproc
        .size   shop_coro_switch, . - shop_coro_switch

        /* The bottom of every stack: debuggers stop here. */
        .globl  shop_coro_entry
        .hidden shop_coro_entry
        .type   shop_coro_entry, @function
shop_coro_entry:
        .cfi_startproc
        .cfi_undefined rip
        call    shop_coro_main
        ud2
        .cfi_endproc
        .size   shop_coro_entry, . - shop_coro_entry

#elif defined(__aarch64__)

        .text
        .globl  shop_coro_switch
        .hidden shop_coro_switch
        .type   shop_coro_switch, %function
shop_coro_switch:
        .cfi_startproc
        sub     sp, sp, #160
        stp     x19, x20, [sp, #0]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        stp     d8,  d9,  [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8,  d9,  [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        add     sp, sp, #160
        ret
        .cfi_endproc
        .size   shop_coro_switch, . - shop_coro_switch

        .globl  shop_coro_entry
        .hidden shop_coro_entry
        .type   shop_coro_entry, %function
shop_coro_entry:
        .cfi_startproc
        .cfi_undefined x30
        bl      shop_coro_main
        brk     #1
        .cfi_endproc
        .size   shop_coro_entry, . - shop_coro_entry

#else
#error "configure --coroutine=ucontext on this processor"
#endif

#endif

        .section .note.GNU-stack, "", %progbits
