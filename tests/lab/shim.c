/* A PKCS#11 module round SoftHSM that does what real cards do and SoftHSM does not: count PINs, lock, be pulled, have a
   PIN pad, hang. Files in the folder ROVE_SHIM say what; "tries" has the counter, "log" a line for each C_Login. */
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_TRIES 3
static CK_FUNCTION_LIST shown, *real;

static const char *path(const char *name) {
    static char text[4096];
    snprintf(text, sizeof text, "%s/%s", getenv("ROVE_SHIM") ? getenv("ROVE_SHIM") : "/nonexistent", name);
    return text;
}

static int is_on(const char *flag) { return access(path(flag), F_OK) == 0; }

static void write_word(const char *name, const char *mode, const char *word) {
    FILE *file = fopen(path(name), mode);
    if (file) { fprintf(file, "%s\n", word); fclose(file); }
}

static int tries(void) {
    int left = MOST_TRIES;
    FILE *file = fopen(path("tries"), "r");
    if (file) { if (fscanf(file, "%d", &left) != 1) left = MOST_TRIES; fclose(file); }
    return left;
}

static void set_tries(int left) {
    char word[16];
    snprintf(word, sizeof word, "%d", left);
    write_word("tries", "w", word);
}

static void hang_while(const char *flag) { while (is_on(flag)) usleep(20000); }

static CK_RV slot_list(CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR count) {
    hang_while("hang-list");
    if (present && is_on("absent")) { *count = 0; return CKR_OK; }
    return real->C_GetSlotList(present, list, count);
}

static CK_RV slot_info(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info) {
    CK_RV rv = real->C_GetSlotInfo(slot, info);
    info->flags |= CKF_REMOVABLE_DEVICE;
    if (is_on("absent")) info->flags &= ~CKF_TOKEN_PRESENT;
    return rv;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
    if (is_on("absent")) return CKR_TOKEN_NOT_PRESENT;
    CK_RV rv = real->C_GetTokenInfo(slot, info);
    int left = tries();
    info->flags &= ~(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED);
    if (left == 0) info->flags |= CKF_USER_PIN_LOCKED;
    else if (left == 1) info->flags |= CKF_USER_PIN_FINAL_TRY;
    else if (left < MOST_TRIES) info->flags |= CKF_USER_PIN_COUNT_LOW;
    if (is_on("pad")) info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    return rv;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *data, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR handle) {
    return is_on("absent") ? CKR_TOKEN_NOT_PRESENT : real->C_OpenSession(slot, flags, data, notify, handle);
}

static CK_RV find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR wanted, CK_ULONG count) {
    return is_on("absent") ? CKR_DEVICE_REMOVED : real->C_FindObjectsInit(session, wanted, count);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length) {
    char typed[64] = "";
    if (is_on("absent")) return CKR_DEVICE_REMOVED;
    if (tries() == 0) { write_word("log", "a", "locked"); return CKR_PIN_LOCKED; }
    if (is_on("pad")) {
        if (pin && length) { write_word("log", "a", "typed-despite-pad"); return CKR_ARGUMENTS_BAD; }
        while (!is_on("pad-pin") && !is_on("pad-cancel")) usleep(20000);
        if (is_on("pad-cancel")) return CKR_FUNCTION_CANCELED;
        FILE *file = fopen(path("pad-pin"), "r");
        if (file) { if (fscanf(file, "%63s", typed) != 1) typed[0] = 0; fclose(file); }
        unlink(path("pad-pin"));
        pin = (CK_UTF8CHAR_PTR)typed;
        length = strlen(typed);
    }
    CK_RV rv = real->C_Login(session, user, pin, length);
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LEN_RANGE) {
        write_word("log", "a", "wrong");
        set_tries(tries() - 1);
        return tries() ? CKR_PIN_INCORRECT : CKR_PIN_LOCKED;
    }
    write_word("log", "a", rv == CKR_OK ? (user == CKU_USER ? "right" : "right-again") : "other");
    if (rv == CKR_OK) set_tries(MOST_TRIES);
    return rv;
}

static CK_RV logout(CK_SESSION_HANDLE session) {
    if (is_on("absent")) return CKR_DEVICE_REMOVED;
    CK_RV rv = real->C_Logout(session);
    if (rv == CKR_OK) write_word("log", "a", "logout");
    return rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG count, CK_BYTE_PTR made, CK_ULONG_PTR size) {
    hang_while("hang-sign");
    if (is_on("remove-on-sign")) write_word("absent", "w", "");
    if (is_on("absent")) return CKR_DEVICE_REMOVED;
    return real->C_Sign(session, data, count, made, size);
}

static int is_hidden(CK_MECHANISM_TYPE type) {
    if (is_on("only-raw-rsa")) return type != CKM_RSA_X_509;
    return is_on("no-hashes") && type != CKM_RSA_X_509 && type != CKM_RSA_PKCS && type != CKM_RSA_PKCS_PSS
        && type != CKM_ECDSA;
}

static CK_RV mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count) {
    CK_MECHANISM_TYPE all[512];
    CK_ULONG number = 512, kept = 0;
    CK_RV rv = real->C_GetMechanismList(slot, all, &number);
    if (rv != CKR_OK) return rv;
    for (CK_ULONG i = 0; i < number; i++)
        if (!is_hidden(all[i])) { if (list && kept < *count) list[kept] = all[i]; kept++; }
    *count = kept;
    return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
    if (!real) {
        void *library = dlopen(SOFTHSM, RTLD_NOW | RTLD_LOCAL);
        if (!library) return CKR_GENERAL_ERROR;
        CK_RV (*get)(CK_FUNCTION_LIST_PTR_PTR) = (CK_RV (*)(CK_FUNCTION_LIST_PTR_PTR))dlsym(library, "C_GetFunctionList");
        if (!get || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
        shown = *real;
        shown.C_GetFunctionList = C_GetFunctionList;
        shown.C_GetSlotList = slot_list;
        shown.C_GetSlotInfo = slot_info;
        shown.C_GetTokenInfo = token_info;
        shown.C_GetMechanismList = mechanism_list;
        shown.C_OpenSession = open_session;
        shown.C_FindObjectsInit = find_init;
        shown.C_Login = login;
        shown.C_Logout = logout;
        shown.C_Sign = sign;
    }
    *list = &shown;
    return CKR_OK;
}
