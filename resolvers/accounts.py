"""Signing up and in, and one's own profile."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from loaders.errors import UserError
from loaders.media import AVATAR_FILE
from loaders.names import one_line
from loaders.records import User, UserId
from resolvers.context import Info
from resolvers.guards import clean, media_id_of, signed_in
from resolvers.inputs import LogIn, SignUp, UpdateProfile

HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")
DISPLAY_NAME_MAX = 50
BIO_MAX = 160
PASSWORD_MIN, PASSWORD_MAX = 8, 128
HANDLE_INVALID = UserError("HANDLE_INVALID", "A handle has 1 to 15 letters, digits or underscores", ("handle",))
HANDLE_TAKEN = UserError("HANDLE_TAKEN", "This handle is taken", ("handle",))
NAME_INVALID = UserError("DISPLAY_NAME_INVALID", f"A name has 1 to {DISPLAY_NAME_MAX} characters", ("displayName",))
BIO_TOO_LONG = UserError("BIO_TOO_LONG", f"A bio has at most {BIO_MAX} characters", ("bio",))
PASSWORD_INVALID = UserError(
    "PASSWORD_INVALID", f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters", ("password",)
)
CREDENTIALS_WRONG = UserError("CREDENTIALS_WRONG", "The handle or the password is wrong")
VERSION_CONFLICT = UserError(
    "VERSION_CONFLICT", "The profile was changed since: nothing was overwritten", ("expectedVersion",)
)


@dataclass(frozen=True, slots=True)
class SessionPayload:
    """What signing up and in answer: a bearer token and the account."""

    token: str | None
    viewer: User | None
    user_errors: list[UserError]


@dataclass(frozen=True, slots=True)
class TokenPayload:
    """A new token and when it ends."""

    token: str | None
    expires_at: datetime | None
    user_errors: list[UserError]


@dataclass(frozen=True, slots=True)
class ProfilePayload:
    """What changing one's profile answers."""

    viewer: User | None
    user_errors: list[UserError]


async def sign_up(info: Info, given: SignUp) -> SessionPayload:
    """Make an account; the handle is taken atomically."""
    services, handle, password = info.context.services, given.handle, clean(given.password, "password")
    name = one_line(clean(given.display_name, "displayName"))
    checks = (
        (HANDLE.fullmatch(handle) is not None, HANDLE_INVALID),
        (1 <= len(name) <= DISPLAY_NAME_MAX, NAME_INVALID),
        (PASSWORD_MIN <= len(password) <= PASSWORD_MAX, PASSWORD_INVALID),
    )
    errors = [error for holds, error in checks if not holds]
    if not errors and handle.lower() in await services.users.by_handles([handle]):
        errors = [HANDLE_TAKEN]
    if errors:
        return SessionPayload(None, None, errors)
    user = User(UserId(services.new_id()), handle, name, "", 1, services.clock_ms())
    if not await services.users.create(user, await services.passwords.hash(password)):
        return SessionPayload(None, None, [HANDLE_TAKEN])
    return SessionPayload(services.tokens.issue(user.id).text, user, [])


async def log_in(info: Info, given: LogIn) -> SessionPayload:
    """Answer a token; an unknown handle and a wrong password take the same time and look alike."""
    services, address, handle = info.context.services, info.context.address, clean(given.handle, "handle")
    await services.throttle.check(handle, address)
    user = (await services.users.by_handles([handle])).get(handle.lower())
    stored = None if user is None else await services.users.password_hash(user.id)
    matches = await services.passwords.verify(stored, clean(given.password, "password")[:PASSWORD_MAX])
    if user is None or not matches:
        await services.throttle.failed(handle, address)
        return SessionPayload(None, None, [CREDENTIALS_WRONG])
    await services.throttle.succeeded(handle, address)
    return SessionPayload(services.tokens.issue(user.id).text, user, [])


async def renew_token(info: Info) -> TokenPayload:
    """Answer a fresh token for the viewer."""
    token = info.context.services.tokens.issue(signed_in(info))
    return TokenPayload(token.text, datetime.fromtimestamp(token.expires_at_ms / 1000, UTC), [])


async def update_profile(info: Info, given: UpdateProfile) -> ProfilePayload:
    """Change one's name, bio or avatar; where a version is expected and another stands, nothing changes."""
    viewer_id, users = signed_in(info), info.context.services.users
    name = None if given.display_name is None else one_line(clean(given.display_name, "displayName"))
    about = None if given.bio is None else clean(given.bio, "bio").strip()
    checks = (
        (name is None or 1 <= len(name) <= DISPLAY_NAME_MAX, NAME_INVALID),
        (about is None or len(about) <= BIO_MAX, BIO_TOO_LONG),
    )
    errors = [error for holds, error in checks if not holds]
    if errors:
        return ProfilePayload(None, errors)
    avatar = None
    if given.avatar_media_id is not None:
        avatar = media_id_of(given.avatar_media_id)
        (before,) = await users.get_many([viewer_id])
        if before is not None and given.expected_version not in {None, before.profile_version}:
            return ProfilePayload(before, [VERSION_CONFLICT])
        refused = await info.context.services.uploading.wear(viewer_id, avatar)
        if refused is not None:
            return ProfilePayload(None, [refused])
    file = None if avatar is None else f"media/{avatar}/{AVATAR_FILE}"
    user = await users.update_profile(viewer_id, name, about, given.expected_version, file)
    if user is None:
        # What stands now comes along: whoever mends the conflict need not ask for it first.
        (now,) = await users.get_many([viewer_id])
        return ProfilePayload(now, [VERSION_CONFLICT])
    if avatar is not None and before is not None:
        await info.context.services.uploading.worn(before, avatar)
    return ProfilePayload(user, [])
