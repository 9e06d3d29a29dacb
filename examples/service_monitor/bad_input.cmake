# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#
# cmake -D PROGRAM=service_monitor -D FOLDER=scratch -P bad_input.cmake
# What the program says to input that is wrong: one sentence on its error stream, and the exit code.

file(REMOVE_RECURSE "${FOLDER}")
file(WRITE "${FOLDER}/good.txt" "127.0.0.1:1 # nobody listens there\n")
file(WRITE "${FOLDER}/broken.txt" "127.0.0.1:1\n\n# a comment\n127.0.0.1 2\nfoo\n")
file(WRITE "${FOLDER}/port.txt" "127.0.0.1:70000\n")
file(WRITE "${FOLDER}/twice.txt" "127.0.0.1:1\n127.0.0.1 1\n")
file(WRITE "${FOLDER}/empty.txt" "# nothing\n\n")

# expect(CODE SENTENCE WORD...): `SENTENCE` is a regular expression.
function(expect code sentence)
    execute_process(COMMAND "${PROGRAM}" ${ARGN} WORKING_DIRECTORY "${FOLDER}"
        RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error TIMEOUT 30)
    if(NOT result STREQUAL code OR NOT error MATCHES "service_monitor: ${sentence}\n")
        list(JOIN ARGN " " words)
        message(SEND_ERROR "service_monitor ${words}: exit code ${result}, and not ${code}, or another sentence:\n${error}")
    endif()
endfunction()

expect(2 "say what to do: demo or node")
expect(2 "there is no command 'dance', only demo and node" dance)
expect(2 "unknown flag '--dance'" demo --dance)
expect(2 "unknown flag '--dance=1'" node --dance=1)
expect(2 "--name is missing" node)
expect(2 "--services is missing" node --name n1)
expect(2 "--name wants a value" node --name)
expect(2 "--name wants a value" node --name --services good.txt)
expect(2 "--name was given twice" node --name n1 --name n2 --services good.txt)
expect(2 "--nodes wants a number from 3 to 9, and not '2'" demo --nodes 2)
expect(2 "--kill-after wants a time of at most an hour, as 3s or 500ms, and not 'soon'" demo --kill-after soon)
expect(2 "'b.txt' is one word too many" demo a.txt b.txt)
expect(2 "--seed wants host:port, and not 'n2'" node --name n1 --services good.txt --seed n2)
expect(2 "cannot read missing.txt: No such file or directory" demo missing.txt)
expect(2 "cannot read missing.txt: No such file or directory" node --name n1 --services missing.txt)
expect(2 "broken.txt:5: 'foo' is not host:port" node --name n1 --services broken.txt)
expect(2 "broken.txt:5: 'foo' is not host:port" demo broken.txt)
expect(2 "port.txt:1: '127.0.0.1:70000' is not host:port" demo port.txt)
expect(2 "twice.txt:2: '127.0.0.1:1' stands in line 1 already" demo twice.txt)
expect(2 "empty.txt names no service: .*" demo empty.txt)
expect(1 "n1 cannot join through 127.0.0.1:1: no seed answered within the time limit"
    node --name n1 --services good.txt --seed 127.0.0.1:1)
