-- KEYS: a list. ARGV: token, idle milliseconds. Begin a list afresh, unfinished.
replace(KEYS[1], call('LLEN', KEYS[1]), { BUILDING .. ARGV[1], '0' })
call('PEXPIRE', KEYS[1], ARGV[2])
return 1
