// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/**
 * Remembers the tree heads of one append-only log (RFC 9162 §2.1, SHA-256), and refuses what an honest log cannot say: a
 * head that is not larger, and one that does not extend the head before. So a fork or a rollback of the log cannot be
 * anchored here, whoever holds the writer's key. Nothing can be changed or taken back; there is no owner and no proxy.
 *
 * `rootAt` is the first variable, so that its slots are keccak256(size . 0): evidence proves one of them.
 */
contract LogAnchor {
    /// Root of the log's tree at each anchored size; zero where none was anchored.
    mapping(uint64 => bytes32) public rootAt;

    /// Who may anchor.
    address public writer;
    /// The largest anchored size; 0 before the first.
    uint64 public size;
    /// Who was offered the writer's place and has not accepted; zero for nobody.
    address public nextWriter;

    event Anchored(uint64 size, bytes32 root);
    event WriterChanged(address writer);

    error NotWriter();
    error NotLarger();
    error NotConsistent();

    constructor(address firstWriter) {
        writer = firstWriter;
        emit WriterChanged(firstWriter);
    }

    /// Anchors a larger head; `proof` is the RFC 9162 §2.1.4.1 consistency proof from `size`, empty for the first.
    function anchor(uint64 newSize, bytes32 newRoot, bytes32[] calldata proof) external {
        if (msg.sender != writer) revert NotWriter();
        uint64 oldSize = size;
        if (newSize <= oldSize) revert NotLarger();
        // A root of zero would read as none.
        if (newRoot == 0 || !isConsistent(oldSize, rootAt[oldSize], newSize, newRoot, proof)) revert NotConsistent();
        size = newSize;
        rootAt[newSize] = newRoot;
        emit Anchored(newSize, newRoot);
    }

    /// Offers the writer's place; nothing changes until it is accepted. Zero takes an offer back.
    function offerWriter(address next) external {
        if (msg.sender != writer) revert NotWriter();
        nextWriter = next;
    }

    /// Takes the place that was offered: proof that the new key works before the old one stops.
    function acceptWriter() external {
        if (msg.sender != nextWriter) revert NotWriter();
        writer = msg.sender;
        nextWriter = address(0);
        emit WriterChanged(msg.sender);
    }

    /// RFC 9162 §2.1.4.2 for `first < second`; every tree extends the empty one, whose proof is empty.
    function isConsistent(uint64 first, bytes32 firstRoot, uint64 second, bytes32 secondRoot, bytes32[] calldata proof)
        public
        view
        returns (bool)
    {
        if (first >= second) return false;
        if (first == 0) return proof.length == 0;
        uint256 used = 0;
        bytes32 fr = firstRoot; // step 2: of a complete tree the root itself is the first node
        if (first & (first - 1) != 0) {
            if (proof.length == 0) return false; // step 1
            fr = proof[used++];
        }
        bytes32 sr = fr; // step 5
        uint64 fn = first - 1; // step 3
        uint64 sn = second - 1;
        while (fn & 1 == 1) (fn, sn) = (fn >> 1, sn >> 1); // step 4
        for (; used < proof.length; used++) {
            if (sn == 0) return false; // step 6.a
            bytes32 c = proof[used];
            if (fn & 1 == 1 || fn == sn) {
                fr = hashNode(c, fr); // step 6.b.i
                sr = hashNode(c, sr); // step 6.b.ii
                while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1); // step 6.b.iii
            } else {
                sr = hashNode(sr, c);
            }
            (fn, sn) = (fn >> 1, sn >> 1); // step 6.c
        }
        return sn == 0 && fr == firstRoot && sr == secondRoot; // step 7
    }

    /// SHA-256(0x01 . left . right) by the precompiled contract, in free memory; half the gas of `sha256(...)`.
    function hashNode(bytes32 left, bytes32 right) private view returns (bytes32 node) {
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore8(input, 1)
            mstore(add(input, 1), left)
            mstore(add(input, 33), right)
            if iszero(staticcall(gas(), 2, input, 65, 0, 32)) { revert(0, 0) }
            node := mload(0)
        }
    }
}
