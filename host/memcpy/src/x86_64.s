# void *insightd_memmove(void *to, const void *from, size_t length): rdi, rsi, rdx; returns rdi in rax.
#
# Up to 128 bytes, everything is read before anything is written, so overlaps need no attention: two reads, or a multiple of two, from
# the beginning and from the end, which overlap for lengths in between. Beyond, the ends are read first and written last; the loop between
# them writes to aligned addresses, towards the side on which `from` lies.
insightd_memmove:
    mov rax, rdi
    cmp rdx, 16
    jb 2f
    cmp rdx, 32
    ja 6f
    movups xmm0, [rsi]
    movups xmm1, [rsi + rdx - 16]
    movups [rdi], xmm0
    movups [rdi + rdx - 16], xmm1
    ret
2:  # 0 to 15
    cmp edx, 8
    jb 3f
    mov rcx, [rsi]
    mov r8, [rsi + rdx - 8]
    mov [rdi], rcx
    mov [rdi + rdx - 8], r8
    ret
3:  # 0 to 7
    cmp edx, 4
    jb 4f
    mov ecx, [rsi]
    mov r8d, [rsi + rdx - 4]
    mov [rdi], ecx
    mov [rdi + rdx - 4], r8d
    ret
4:  # 0 to 3
    cmp edx, 1
    jb 5f
    movzx ecx, byte ptr [rsi]
    je 7f
    movzx r8d, word ptr [rsi + rdx - 2]
    mov [rdi + rdx - 2], r8w
7:  mov [rdi], cl
5:  ret
6:  # 33 and more
    cmp rdx, 64
    ja 8f
    movups xmm0, [rsi]
    movups xmm1, [rsi + 16]
    movups xmm2, [rsi + rdx - 32]
    movups xmm3, [rsi + rdx - 16]
    movups [rdi], xmm0
    movups [rdi + 16], xmm1
    movups [rdi + rdx - 32], xmm2
    movups [rdi + rdx - 16], xmm3
    ret
8:  # 65 and more
    movups xmm4, [rsi + rdx - 64]
    movups xmm5, [rsi + rdx - 48]
    movups xmm6, [rsi + rdx - 32]
    movups xmm7, [rsi + rdx - 16]
    movups xmm0, [rsi]
    cmp rdx, 128
    ja 9f
    movups xmm1, [rsi + 16]
    movups xmm2, [rsi + 32]
    movups xmm3, [rsi + 48]
    movups [rdi], xmm0
    movups [rdi + 16], xmm1
    movups [rdi + 32], xmm2
    movups [rdi + 48], xmm3
    movups [rdi + rdx - 64], xmm4
    movups [rdi + rdx - 48], xmm5
    movups [rdi + rdx - 32], xmm6
    movups [rdi + rdx - 16], xmm7
    ret
9:  # 129 and more
    mov rcx, rdi
    sub rcx, rsi
    cmp rcx, rdx
    jb 20f
    # upwards: xmm0 has the first 16 bytes, xmm4 to xmm7 the last 64
    lea r9, [rdi + rdx - 64]
    mov ecx, edi
    and ecx, 15
    mov r8d, 16
    sub r8, rcx
    add rsi, r8
    add rdi, r8
    sub rdx, r8
    .p2align 4
12: movups xmm1, [rsi]
    movups xmm2, [rsi + 16]
    movups xmm3, [rsi + 32]
    movups xmm8, [rsi + 48]
    movaps [rdi], xmm1
    movaps [rdi + 16], xmm2
    movaps [rdi + 32], xmm3
    movaps [rdi + 48], xmm8
    add rsi, 64
    add rdi, 64
    sub rdx, 64
    cmp rdx, 64
    ja 12b
    movups [r9], xmm4
    movups [r9 + 16], xmm5
    movups [r9 + 32], xmm6
    movups [r9 + 48], xmm7
    movups [rax], xmm0
    ret
20: # downwards, since `to` lies within `from`: xmm7 has the last 16 bytes, xmm0 and xmm4 to xmm6 the first 64
    movups xmm4, [rsi + 16]
    movups xmm5, [rsi + 32]
    movups xmm6, [rsi + 48]
    lea r9, [rdi + rdx]
    mov ecx, r9d
    and ecx, 15
    sub rdx, rcx
    .p2align 4
21: movups xmm1, [rsi + rdx - 16]
    movups xmm2, [rsi + rdx - 32]
    movups xmm3, [rsi + rdx - 48]
    movups xmm8, [rsi + rdx - 64]
    movaps [rdi + rdx - 16], xmm1
    movaps [rdi + rdx - 32], xmm2
    movaps [rdi + rdx - 48], xmm3
    movaps [rdi + rdx - 64], xmm8
    sub rdx, 64
    cmp rdx, 64
    ja 21b
    movups [rdi], xmm0
    movups [rdi + 16], xmm4
    movups [rdi + 32], xmm5
    movups [rdi + 48], xmm6
    movups [r9 - 16], xmm7
    ret
